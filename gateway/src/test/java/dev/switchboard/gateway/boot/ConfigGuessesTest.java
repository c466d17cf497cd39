package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.tls.TestCertificate;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files as somebody guesses them who has not read the reference. One run must tell every mistake at
 * its line, with what to write: the comment of a line says what is expected there. The second try,
 * made of what the first run said, is valid.
 */
class ConfigGuessesTest {
  private static final Pattern TOLD = Pattern.compile("[^:]+\\.yaml:(\\d+): (.*)");

  @TempDir private Path folder;

  @BeforeEach
  void files() throws Exception {
    for (String key : List.of("acme", "globex", "free", "upstream")) {
      Files.writeString(folder.resolve(key + ".key"), "sk-0123456789abcdef-" + key);
    }
    Files.writeString(folder.resolve("small.gguf"), "GGUF");
    Files.writeString(folder.resolve("medium.gguf"), "GGUF");
    TestCertificate own = TestCertificate.root("localhost", "EC");
    Files.writeString(folder.resolve("tls.crt"), own.pem());
    Files.writeString(folder.resolve("tls.key"), own.keyPem());
  }

  private Path file(String name) throws Exception {
    try (var file = ConfigGuessesTest.class.getResourceAsStream("guesses/" + name + ".yaml")) {
      String text = new String(file.readAllBytes(), StandardCharsets.UTF_8);
      return Files.writeString(
          folder.resolve(name + ".yaml"), text.replace("DIR", folder.toString()));
    }
  }

  private static List<String> check(int status, Path file) {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    PrintStream to = new PrintStream(said, true, StandardCharsets.UTF_8);
    int ended = ConfigMain.run(to, to, "check", file.toString());
    List<String> lines = said.toString(StandardCharsets.UTF_8).lines().toList();
    assertEquals(status, ended, () -> String.join("\n", lines));
    return lines;
  }

  @ParameterizedTest
  @ValueSource(strings = {"snake", "maps", "openai"})
  void theFirstRunTellsEveryMistakeAtItsLineAndWhatToWrite(String name) throws Exception {
    Path file = file(name);
    List<String> told = check(1, file);

    List<String> missed = new ArrayList<>();
    List<String> unexpected = new ArrayList<>(told.subList(0, told.size() - 1));
    List<String> lines = Files.readAllLines(file);
    for (int i = 0; i < lines.size(); i++) {
      int at = lines.get(i).lastIndexOf("  # ");
      String expected = at < 0 ? null : lines.get(i).substring(at + 4).strip();
      int line = i + 1;
      boolean found =
          told.stream().anyMatch(each -> isAt(each, line, expected == null ? "" : expected));
      if (expected != null && !found) {
        missed.add(line + ": " + expected);
      }
      if (expected != null) {
        unexpected.removeIf(each -> isAt(each, line, ""));
      }
    }
    assertEquals(List.of(), missed, () -> String.join("\n", told));
    assertEquals(List.of(), unexpected, () -> String.join("\n", told));
    assertTrue(told.getLast().endsWith(told.size() - 1 + " mistakes"), told.getLast());
  }

  private static boolean isAt(String told, int line, String what) {
    Matcher parts = TOLD.matcher(told);
    return parts.matches()
        && Integer.parseInt(parts.group(1)) == line
        && parts.group(2).contains(what);
  }

  @ParameterizedTest
  @ValueSource(strings = {"snake", "maps", "openai"})
  void theSecondTryIsValid(String name) throws Exception {
    assertTrue(check(0, file(name + ".fixed")).getFirst().contains(" is valid: "));
  }
}

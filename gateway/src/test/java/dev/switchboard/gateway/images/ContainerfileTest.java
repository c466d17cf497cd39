package dev.switchboard.gateway.images;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the images must keep to, whoever edits their recipe. */
final class ContainerfileTest {
  private static final Path IMAGES = Path.of(System.getProperty("switchboard.home"), "images");

  @Test
  void theRecipeKeepsToThePolicy() throws IOException {
    Containerfile recipe = Containerfile.parse(Files.readString(IMAGES.resolve("Containerfile")));

    assertEquals(List.of(), recipe.violations());
    assertEquals(
        List.of("base", "gateway", "console", "worker", "worker-cuda"), recipe.stageNames());
  }

  @Test
  void everyEntryPointIsAProgramWithOptions() throws IOException {
    Containerfile recipe = Containerfile.parse(Files.readString(IMAGES.resolve("Containerfile")));

    for (String program : recipe.entryPoints()) {
      String name = Path.of(program).getFileName().toString();
      assertTrue(Files.isRegularFile(IMAGES.resolve("options").resolve(name).resolve(name)), name);
    }
    assertEquals(3, recipe.entryPoints().size());
  }

  @Test
  void aUserMustBeANumberAndNotRoot() {
    assertViolation("USER is missing", "FROM scratch\nENTRYPOINT [\"/a\"]");
    assertViolation("USER must be a number", "FROM scratch\nUSER nobody");
    assertViolation("USER must not be root", "FROM scratch\nUSER 0:0");
    assertViolation("USER must not be root", "FROM scratch AS a\nUSER 65532\nUSER 0\nFROM a");
    assertEquals(List.of(), violations("FROM scratch AS a\nUSER 65532:65532\nFROM a"));
  }

  @Test
  void aBaseMustBePinned() {
    assertViolation("no registry", "FROM debian:13\nUSER 1");
    assertViolation("no registry", "FROM debian:latest\nUSER 1");
  }

  @Test
  void nothingIsFetchedOrUnpackedOrRun() {
    assertViolation("ADD", "FROM scratch\nUSER 1\nADD https://example.com/a.tar /");
    assertViolation("ADD", "FROM scratch\nUSER 1\nADD a.tar /");
    assertViolation("RUN", "FROM scratch\nUSER 1\nRUN true");
    assertViolation("SHELL", "FROM scratch\nUSER 1\nSHELL [\"/bin/sh\"]");
  }

  @Test
  void commandsAreListsOfWords() {
    assertViolation("JSON form", "FROM scratch\nUSER 1\nENTRYPOINT /bin/a --b");
    assertViolation("JSON form", "FROM scratch\nUSER 1\nCMD a");
    assertViolation("absolute", "FROM scratch\nUSER 1\nENTRYPOINT [\"a\"]");
  }

  @Test
  void filesBelongToRootUnlessTheyAreTheRootItself() {
    assertViolation("--chown=0:0", "FROM scratch\nUSER 1\nCOPY a/ /opt/");
    assertViolation("--chown=0:0", "FROM scratch\nUSER 1\nCOPY --chown=1:1 a/ /opt/");
    assertEquals(
        List.of(),
        violations("FROM scratch\nCOPY root/ /\nUSER 1\nCOPY --chown=0:0 a/ \\\n /opt/"));
  }

  @Test
  void aSecretIsNoSetting() {
    assertViolation("secret", "FROM scratch\nUSER 1\nENV API_KEY=x");
    assertViolation("secret", "FROM scratch\nUSER 1\nARG TOKEN");
  }

  private static List<String> violations(String recipe) {
    return Containerfile.parse(recipe).violations();
  }

  private static void assertViolation(String part, String recipe) {
    List<String> found = violations(recipe);
    assertTrue(found.stream().anyMatch(line -> line.contains(part)), found.toString());
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What the launcher says to a user whose checkout root has written to. */
class LauncherOwnerTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home")).resolve("launcher");
  private static final String OTHER_USER = "65534";
  private static final Pattern FUNCTION = Pattern.compile("(?m)^([a-z_]+)\\(\\) ");

  @Test
  void filesOfRootAreNamedWithWhatHandsThemOver() throws Exception {
    String said = mayWrite("/etc", 1);

    assertTrue(said.contains("belongs to root, and cannot be written"), said);
    assertTrue(said.contains("this hands it over: sudo chown -R "), said);
    assertTrue(said.endsWith(" /etc\n"), said);
  }

  @Test
  void filesOfTheUserAreNothingToSay() throws Exception {
    assertEquals("", mayWrite("$(mktemp -d)", 0));
  }

  /** All parts are read into one shell, in which the latest of a name is meant by everybody. */
  @Test
  void noFunctionHasTheNameOfAnother() throws Exception {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> parts = Files.newDirectoryStream(LAUNCHER, "*.sh")) {
      for (Path part : parts) {
        FUNCTION
            .matcher(Files.readString(part))
            .results()
            .forEach(each -> names.add(each.group(1)));
      }
    }

    List<String> twice =
        names.stream().filter(each -> Collections.frequency(names, each) > 1).distinct().toList();

    assertTrue(names.contains("may_write"));
    assertEquals(List.of(), twice);
  }

  /** As a user who is not root: the part's text comes in by standard input. */
  private static String mayWrite(String state, int status) throws Exception {
    List<String> command = new ArrayList<>();
    if (System.getProperty("user.name").equals("root")) {
      command.addAll(
          List.of("setpriv", "--reuid=" + OTHER_USER, "--regid=" + OTHER_USER, "--clear-groups"));
    }
    command.addAll(
        List.of(
            "bash",
            "-euc",
            "source /dev/stdin; cd /; home=/none state=" + state + " data=/none; may_write"));
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(LAUNCHER.resolve("output.sh").toFile())
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(status, process.waitFor(), said);
    return said;
  }
}

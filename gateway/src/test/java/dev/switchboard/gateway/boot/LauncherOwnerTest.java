package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the launcher says to a user whose checkout root has written to. */
class LauncherOwnerTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home")).resolve("launcher");
  private static final String PLACES =
      "home=/none state=/none data=/none run=/none logs=/none built=/none version=0";
  private static final String OTHER_USER = "65534";
  private static final Pattern FUNCTION = Pattern.compile("(?m)^([a-z_]+)\\(\\) ");

  @TempDir private Path folder;

  @Test
  void filesOfRootAreNamedWithWhatHandsThemOver() throws Exception {
    String said = asOther("home=/none state=/etc data=/none; may_write /etc", 1);

    assertTrue(said.contains("belongs to root, and cannot be written"), said);
    assertTrue(said.contains("this hands it over: sudo chown -R "), said);
    assertTrue(said.endsWith(" /etc\n"), said);
  }

  @Test
  void filesOfTheUserAreNothingToSay() throws Exception {
    assertEquals("", asOther("may_write \"$(mktemp -d)\" /none", 0));
  }

  /** What a test run as root has left is in the way of the next test run, and of nothing else. */
  @Test
  void reportsOfTestsAreInNobodysWay() throws Exception {
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path target = Files.createDirectory(folder.resolve("target"));
    Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwxrwxrwx"));
    for (String name : List.of("surefire-reports", "computation-reports", "test-classes")) {
      Files.writeString(Files.createDirectory(target.resolve(name)).resolve("one"), "");
    }

    assertEquals("", asOther("may_write " + target, 0));
  }

  /** What nothing is built for may be whose it wants. */
  @Test
  void whereNothingIsBuiltTheBuildsFilesAreNotAskedFor() throws Exception {
    String asks =
        "home=/h state=/s data=/d; moved() { return 1; };"
            + " may_write() { echo \"asks $*\"; }; own_folders() { exit; };";

    assertEquals("asks /s /d\n", asOther(asks + " stale() { return 1; }; one_at_a_time", 0));
    assertEquals(
        "asks /s /d\nasks /s /h/native-engine/build /h/*/target\n",
        asOther(asks + " stale() { :; }; one_at_a_time", 0));
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

  /** As a user who is not root: the parts' text comes in by standard input. */
  private String asOther(String script, int status) throws Exception {
    List<String> command = new ArrayList<>();
    if (System.getProperty("user.name").equals("root")) {
      command.addAll(
          List.of("setpriv", "--reuid=" + OTHER_USER, "--regid=" + OTHER_USER, "--clear-groups"));
    }
    List<String> parts = new ArrayList<>(List.of(PLACES));
    for (String part : List.of("output.sh", "build.sh", "lifecycle.sh")) {
      parts.add(Files.readString(LAUNCHER.resolve(part)));
    }
    command.addAll(List.of("bash", "-euc", "source /dev/stdin; cd /; " + script));
    Path whole = Files.writeString(folder.resolve("parts"), String.join("\n", parts));
    Files.setPosixFilePermissions(whole, PosixFilePermissions.fromString("r--r--r--"));
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectInput(whole.toFile()).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(status, process.waitFor(), said);
    return said;
  }
}

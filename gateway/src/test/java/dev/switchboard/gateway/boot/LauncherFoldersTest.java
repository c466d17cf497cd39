package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The folders that the launcher makes hold keys, logs and the store: they are its user's alone. */
class LauncherFoldersTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher").toAbsolutePath();

  @TempDir private Path folder;

  @Test
  void nobodyElseMayLookIntoThemBeTheyNewOrOld() throws Exception {
    Path old = Files.createDirectories(folder.resolve("state/log"));
    Files.setPosixFilePermissions(old, PosixFilePermissions.fromString("rwxr-xr-x"));
    String function =
        launcher().stream()
            .filter(line -> line.startsWith("own_folders() {"))
            .findFirst()
            .orElseThrow();

    Process bash =
        new ProcessBuilder(
                "bash",
                "-c",
                "state=state run=state/run logs=state/log\n" + function + "\nown_folders")
            .directory(folder.toFile())
            .inheritIO()
            .start();

    assertEquals(0, bash.waitFor());
    for (String name : List.of("state", "state/run", "state/log")) {
      assertEquals(
          "rwx------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve(name))),
          name);
    }
  }

  @Test
  void noOtherLineMakesThem() throws Exception {
    long makers =
        launcher().stream()
            .filter(line -> line.matches(".*mkdir.*\\$(state|run|logs)\\b.*"))
            .count();

    assertEquals(1, makers);
  }

  private static List<String> launcher() throws IOException {
    List<String> lines = new ArrayList<>();
    try (DirectoryStream<Path> parts = Files.newDirectoryStream(LAUNCHER, "*.sh")) {
      for (Path part : parts) {
        lines.addAll(Files.readAllLines(part));
      }
    }
    return lines;
  }

  @Test
  void aCheckoutThatWasMovedKnowsIt() throws Exception {
    Path cache = Files.createDirectories(folder.resolve("native-engine/build/release"));
    String script = "home=$PWD built=$PWD/built; source \"$1\"; moved && echo moved || echo stays";
    assertEquals("stays", told(script));

    Files.writeString(folder.resolve("built"), folder + "\n");
    assertEquals("stays", told(script));
    Files.writeString(folder.resolve("built"), "/elsewhere\n");
    assertEquals("moved", told(script));

    Files.delete(folder.resolve("built"));
    Path written = cache.resolve("CMakeCache.txt");
    Files.writeString(written, "CMAKE_HOME_DIRECTORY:INTERNAL=" + folder + "/native-engine\n");
    assertEquals("stays", told(script));
    Files.writeString(written, "CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere/native-engine\n");
    assertEquals("moved", told(script));
  }

  private String told(String script) throws Exception {
    Process bash =
        new ProcessBuilder(
                "bash", "-euc", "version=1; " + script, "bash", LAUNCHER.resolve("build.sh") + "")
            .directory(folder.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String told = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, bash.waitFor());
    return told.strip();
  }
}

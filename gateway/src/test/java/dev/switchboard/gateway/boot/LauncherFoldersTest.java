package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The folders that the launcher makes hold keys, logs and the store: they are its user's alone. */
class LauncherFoldersTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher").toAbsolutePath();

  @TempDir private Path folder;

  @Test
  void nobodyElseMayLookIntoThemBeTheyNewOrOld() throws Exception {
    Path old = Files.createDirectories(folder.resolve("state/log"));
    Files.setPosixFilePermissions(old, PosixFilePermissions.fromString("rwxr-xr-x"));
    Process bash =
        new ProcessBuilder(
                "bash",
                "-c",
                "state=state run=state/run logs=state/log\n"
                    + function("own_folders")
                    + "\nown_folders")
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

  private static String function(String name) throws IOException {
    return launcher().stream()
        .filter(line -> line.startsWith(name + "() {"))
        .findFirst()
        .orElseThrow();
  }

  /** To somebody else it would seem that nothing runs. */
  @Test
  void whoMayNotLookIntoThemIsToldWhose() throws Exception {
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path state = Files.createDirectories(folder.resolve("state"));
    List<String> command = new ArrayList<>();
    if (System.getProperty("user.name").equals("root")) {
      // Whom nothing is closed to.
      command.addAll(List.of("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"));
    }
    String fail = "state=$PWD/state; fail() { echo \"$*\"; exit; }\n";
    command.addAll(List.of("bash", "-euc", fail + function("may_look") + "\nmay_look; echo may"));
    ProcessBuilder asked = new ProcessBuilder(command).directory(folder.toFile());

    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertEquals("may", said(asked));
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("r--r--r--"));
    String owner = Files.getOwner(state).getName();
    assertTrue(said(asked).contains(state + " is for the user " + owner + " alone"));
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

  /** The user's own may be called anything. */
  @ParameterizedTest
  @CsvSource({"package", "images"})
  void whatIsMadeInAFolderTakesNothingFromIt(String command) throws Exception {
    Path own = Files.createDirectories(folder.resolve("out/work"));
    Files.writeString(own.resolve("thesis"), "mine");
    String script =
        """
        home=$PWD cuda_library=none
        for part in arguments package images; do source "${1%%/*}/$part.sh"; done
        install_missing() { :; }
        build() { :; }
        fail() { :; }
        say() { :; }
        has_room() { :; }
        of_the_commits_time() { :; }
        step() { shift 2 && printf '%%s\n' "$*"; : >"$output/a.size" && : >"$output/$name.tar.gz"; }
        name='' && %s --output out
        """
            .formatted(command);

    String steps = told(script);

    assertTrue(steps.contains("out/.switchboard-work"), steps);
    assertEquals("mine", Files.readString(own.resolve("thesis")));
  }

  /** What was edited since then looks older than what was built. */
  @Test
  void aBuildOfTheFutureIsNone() throws Exception {
    Path library = Files.createDirectories(folder.resolve("native-engine/build/release"));
    Files.createFile(library.resolve("libswitchboard.so"));
    String script =
        "home=$PWD built=$PWD/built; source \"$1\"; touch -d %s built;"
            + " stale && echo stale || echo fresh";

    assertEquals("fresh", told(script.formatted("'1 second ago'")));
    assertEquals("stale", told(script.formatted("'1 hour'")));
  }

  /** The parts of a class path have colons between them. */
  @Test
  void aCheckoutWithAColonInItsPathIsNotBuilt() throws Exception {
    String script = "home=/a:b; fail() { echo \"$*\"; exit; }; source \"$1\"; build";

    assertTrue(told(script).contains("must not have a colon"), told(script));
  }

  private String told(String script) throws Exception {
    return said(
        new ProcessBuilder(
                "bash", "-euc", "version=1; " + script, "bash", LAUNCHER.resolve("build.sh") + "")
            .directory(folder.toFile()));
  }

  private static String said(ProcessBuilder command) throws Exception {
    Process bash = command.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String told = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, bash.waitFor());
    return told.strip();
  }
}

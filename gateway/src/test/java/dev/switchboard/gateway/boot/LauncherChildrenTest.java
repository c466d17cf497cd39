package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What ends with the launcher is what it started, also where the kernel gave the number of one that
 * has ended to somebody else's process.
 */
class LauncherChildrenTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher").toAbsolutePath();

  @TempDir private Path folder;

  private String told(String script) throws Exception {
    Process bash =
        new ProcessBuilder(
                "bash",
                "-euc",
                "home=$PWD state=$PWD run=$PWD/run logs=$PWD/log; . \"$0\"/output.sh;"
                    + " services_may_start() { :; }; "
                    + script,
                LAUNCHER.toString())
            .directory(folder.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String told = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, bash.waitFor(), told);
    return told.strip();
  }

  private static final String LATER =
      "sleep 600 >/dev/null & other=$!; child $other; children=(\"%s$other 1\"); stop_children;"
          + " sleep 0.2; ! ended $other || echo ended; kill $other";

  private static final String ENDED =
      "ended() { ! [[ $(cat /proc/$1/stat 2>/dev/null) == *') '[RS]' '* ]]; }; ";

  @Test
  void oneThatBeganAtAnotherTimeIsSomebodyElses() throws Exception {
    assertEquals("", told(ENDED + LATER.formatted("")));
    assertEquals("", told(ENDED + "set -m; " + LATER.formatted("-")));
  }

  @Test
  void itsOwnEnd() throws Exception {
    String own = "stop_children; sleep 0.2; ! ended $it || echo ended";
    assertEquals("ended", told(ENDED + "sleep 600 >/dev/null & it=$!; child $it; " + own));
    // Of a group also those that the first one left.
    assertEquals(
        "ended",
        told(
            ENDED
                + "launch x bash -c 'sleep 600 & echo $! >it; wait';"
                + " until [[ -s it ]]; do sleep 0.05; done; it=$(<it); kill -KILL $job;"
                + " wait $job || true; "
                + own));
  }

  /** Its number may be anybody's as soon as it has ended. */
  @Test
  void aStepThatIsDoneIsNoneOfThem() throws Exception {
    assertEquals("0", told("step Title x true >/dev/null; echo ${#children[@]}"));
  }
}

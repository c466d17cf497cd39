package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the launcher says of steps that take long: what it knows, and nothing that it does not. */
class LauncherProgressTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher").toAbsolutePath();

  @TempDir private Path folder;

  private String told(String script) throws Exception {
    Files.createDirectories(folder.resolve("log"));
    List<String> command =
        new ArrayList<>(
            List.of(
                "bash",
                "-euc",
                "home=$PWD state=$PWD run=$PWD/run logs=$PWD/log; source \"$1\"/output.sh;"
                    + " source \"$1\"/gateway.sh; services_may_start() { :; }; "
                    + script,
                "bash",
                LAUNCHER.toString()));
    Process bash =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String told = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, bash.waitFor(), told);
    return told;
  }

  @ParameterizedTest
  @CsvSource({
    "60, 20, ', about 40 s left'",
    "60, 61, ', longer than the 60 s of last time'",
    "0, 1, ''",
    "torn, 1, ''",
    ", 1, ''"
  })
  void whatRemainsIsToldByTheLastTime(String last, int seconds, String wanted) throws Exception {
    Files.createDirectories(folder.resolve("log"));
    if (last != null) {
      Files.writeString(folder.resolve("log/build.seconds"), last);
    }

    assertEquals(wanted, told("remaining_of build " + seconds));
  }

  @Test
  void aStepRemembersHowLongItTookUnlessItFailed() throws Exception {
    told("step Good good true");
    told("(step Bad bad false) 2>/dev/null || true");

    assertTrue(Files.readString(folder.resolve("log/good.seconds")).matches("[0-9]+"));
    assertFalse(Files.exists(folder.resolve("log/bad.seconds")));
  }

  /** Of a shell that a signal ends, the latest status is that of the command before. */
  @Test
  void aStepThatASignalEndedHasNotSucceeded() throws Exception {
    told(
        "launch ended bash -c 'echo begun; exec sleep 600';"
            + " until grep -q begun log/ended.log; do sleep 0.05; done;"
            + " kill -TERM -- \"-$job\"; wait \"$job\" || true");

    assertEquals("143", Files.readString(folder.resolve("log/ended.status")));
  }

  /** In the log of a module that has 900 tests, what failed stands far above the end. */
  @Test
  void aStepThatFailsNamesTheTestsThatFailed() throws Exception {
    Files.writeString(
        folder.resolve("run"),
        """
        echo '[ERROR] Tests run: 3, Failures: 1, Errors: 0 <<< FAILURE! -- in dev.switchboard.OneIT'
        echo '[ERROR] dev.switchboard.OneIT.counts -- Time elapsed: 0.2 s <<< FAILURE!'
        echo 'AssertionFailedError: expected: <5> but was: <0>'
        echo '	 12 - sb_engine_tests.2 (Failed)'
        for ((i = 0; i < 100; i++)); do echo "line $i"; done
        exit 1
        """);

    String said = told("(step Bad bad bash run) 2>&1 || true");
    String passed = told("(step Bad bad bash -c 'echo no test; exit 1') 2>&1 || true");

    String named = said.substring(said.indexOf("These tests failed, at least once:"));
    assertTrue(named.contains("OneIT.counts -- Time elapsed"), said);
    assertTrue(named.contains("expected: <5> but was: <0>"), said);
    assertTrue(named.contains("sb_engine_tests.2 (Failed)"), said);
    assertTrue(said.stripTrailing().endsWith("the whole output is in log/bad.log"), said);
    assertFalse(passed.contains("These tests failed"), passed);
  }

  /** A log of errors has no colours because of a terminal that shows something else. */
  @Test
  void anErrorHasColoursWhereItIsSeenOnATerminal() throws Exception {
    String fails = "source '" + LAUNCHER + "/output.sh'; say \"${bold}seen${off}\"; fail 'not so'";
    String onTerminal = onTerminal("bash -c \"$FAILS\" >out", fails);
    String onTerminalWithoutErrors = onTerminal("bash -c \"$FAILS\" 2>errors", fails);

    assertTrue(onTerminal.contains("\u001b[31mswitchboard: not so\u001b[0m"), onTerminal);
    assertEquals("seen\n", Files.readString(folder.resolve("out")));
    assertTrue(onTerminalWithoutErrors.contains("\u001b[1mseen"), onTerminalWithoutErrors);
    assertEquals("switchboard: not so\n", Files.readString(folder.resolve("errors")));
  }

  private String onTerminal(String command, String fails) throws Exception {
    ProcessBuilder script =
        new ProcessBuilder("script", "-qc", command, "/dev/null")
            .directory(folder.toFile())
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectErrorStream(true);
    script.environment().put("FAILS", fails);
    script.environment().put("TERM", "xterm");
    script.environment().remove("SWITCHBOARD_PLAIN");
    Process terminal = script.start();
    String shown = new String(terminal.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    terminal.waitFor();
    return shown;
  }

  @Test
  void aLogHasALineForALongStepNotForEachLook() throws Exception {
    Files.createDirectories(folder.resolve("log"));
    Files.writeString(folder.resolve("log/slow.seconds"), "1000");
    String slow = "printf '[12/80] CXX\\n'; while [[ ! -e seen ]]; do sleep 0.05; done";

    String quiet = told("step Build quick true");
    // The line itself lets the step end.
    String lines =
        told(
            "line_seconds=1; say() { printf '%s\\n' \"$*\"; [[ $* != *left* ]] || : >seen; };"
                + " step Build slow bash -c \""
                + slow
                + "\"");

    assertEquals(2, quiet.lines().count(), quiet);
    List<String> told = lines.lines().toList();
    assertTrue(
        told.get(1).matches("  Build {2}\\d+ s, about 99\\d s left {2}\\[#+\\.+] 12/80"), lines);
    assertEquals(3, told.size(), lines);
    assertFalse(lines.contains("\u001b") || lines.contains("\r"), lines);
  }

  @Test
  void aModelThatLoadsSaysWhatIsThereAndHowLongTheRestTakes() throws Exception {
    String line =
        "'{\"event\":\"worker_loading\",\"replica\":\"w0\",\"done_bytes\":%d,\"total_bytes\":104857600}'";
    // Unset, bash no longer counts it: a second that passes between two commands changes nothing.
    String events =
        "unset SECONDS; line_seconds=0; SECONDS=0; loading_line "
            + line.formatted(1)
            + "; SECONDS=10; loading_line "
            + line.formatted(26_214_400);

    List<String> lines = told(events).lines().toList();

    assertTrue(lines.get(0).endsWith("] 1 of 100 MiB"), lines::toString);
    assertTrue(lines.get(1).endsWith("] 25 of 100 MiB, about 30 s left"), lines::toString);
  }

  @Test
  void aDownloadSaysItsBytesAsSoonAsThereAreSome() throws Exception {
    Files.write(folder.resolve("part"), new byte[3 << 20]);

    assertEquals("", told("downloaded"));
    assertEquals("", told("downloading=$PWD/none' 8388608'; downloaded"));
    assertEquals(", 3 of 8 MiB", told("downloading=$PWD/part' 8388608'; downloaded"));
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What an interrupt of the launcher ends, and how soon. */
class LauncherInterruptIT extends LauncherHome {
  /** Whoever waits for what does not end waits longer than the test. */
  @BeforeEach
  void insistLate() throws Exception {
    stopGrace(10 * Await.LIMIT_SECONDS);
  }

  @Test
  void anInterruptEndsAllWithoutWaitingForAConsoleThatHangs() throws Exception {
    assertEquals(0, exit(launch("down")));
    Process up = launch("up");
    awaitOutput("curl ");
    String console = Files.readString(home.resolve(".switchboard/run/console.pid")).strip();
    // One that is stopped hears nothing.
    GatewayProcess.signal("-STOP", Long.parseLong(console));

    GatewayProcess.signal("-INT", up.pid());

    assertEquals(130, exit(up));
    assertEquals(List.of(), gateways());
    assertEquals(List.of(), companions());
  }

  /** One after the other they would take the nine seconds that three of them have each. */
  @Test
  @Tag("timing")
  void anInterruptWaitsForAllThatHangAtTheSameTime() throws Exception {
    assertEquals(0, exit(launch("down")));
    Process up = launch("up");
    awaitOutput("curl ");
    List<Process> hung = new ArrayList<>();
    for (String name : List.of("prometheus", "zipkin", "console")) {
      Path file = home.resolve(".switchboard/run/" + name + ".pid");
      if (Files.exists(file)) {
        GatewayProcess.signal("-KILL", Long.parseLong(Files.readString(file).strip()));
      }
      hung.add(stopped(home.resolve(".switchboard/log/gateway.log")));
      Files.writeString(file, hung.getLast().pid() + "\n");
    }
    Stopwatch interrupted = Stopwatch.start();

    GatewayProcess.signal("-INT", up.pid());

    assertEquals(130, exit(up));
    long tookMs = interrupted.millis();
    for (Process each : hung) {
      assertEquals(128 + 9, exit(each));
    }
    assertTrue(tookMs < 9000, tookMs + " ms");
  }

  /** It hears nothing, and its command line has the file. */
  private static Process stopped(Path file) throws Exception {
    Process process =
        new ProcessBuilder("tail", "-f", file.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    Await.until("tail", () -> commandLine(process.pid()), line -> line.startsWith("tail"));
    GatewayProcess.signal("-STOP", process.pid());
    return process;
  }

  @Test
  void aSecondInterruptWaitsForNothing() throws Exception {
    assertEquals(0, exit(launch("down")));
    aside("deaf", "");
    Process up = launch("up");
    awaitOutput("curl ");
    GatewayProcess.signal("-INT", up.pid());
    awaitOutput("Ctrl-C again stops at once");

    GatewayProcess.signal("-INT", up.pid());

    assertEquals(130, exit(up));
    awaitGateways(0);
    Await.until("no companion", this::companions, List::isEmpty);
  }

  @Test
  void aStartThatIsInterruptedEndsThoughTheGatewayDoesNotListen() throws Exception {
    assertEquals(0, exit(launch("down")));
    Files.createFile(folder.resolve("hang.start"));
    Process up = launch("up");
    awaitGateways(1);

    GatewayProcess.signal("-INT", up.pid());

    assertEquals(130, exit(up));
    // A process that the killed one had just forked still looks like it.
    awaitGateways(0);
  }

  /** A large model takes minutes, in which somebody may change his mind. */
  @Test
  void downEndsAStartThatIsAtWork() throws Exception {
    assertEquals(0, exit(launch("down")));
    Files.createFile(folder.resolve("hang.start"));
    Process up = launch("up", "-d");
    awaitGateways(1);

    assertEquals(0, exit(launch("down")));

    assertEquals(143, exit(up));
    awaitGateways(0);
    assertEquals(List.of(), companions());
    Files.delete(folder.resolve("hang.start"));
    assertEquals(0, exit(launch("up", "-d")), output());
  }

  @Test
  void downEndsARestartThatIsAtWorkAndTheGatewayThatRuns() throws Exception {
    Files.createFile(hang);
    Process restart = launch("restart");
    awaitGateways(2);

    assertEquals(0, exit(launch("down")));

    assertEquals(143, exit(restart));
    awaitGateways(0);
  }
}

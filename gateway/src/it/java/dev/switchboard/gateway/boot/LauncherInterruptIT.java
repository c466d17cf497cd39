package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What an interrupt of the launcher ends, and how soon. */
class LauncherInterruptIT extends LauncherHome {
  @Test
  void anInterruptEndsAllWithoutWaitingForAConsoleThatHangs() throws Exception {
    assertEquals(0, exit(launch("down")));
    Process up = launch("up");
    awaitOutput("curl ");
    String console = Files.readString(home.resolve(".switchboard/run/console.pid")).strip();
    // One that is stopped hears nothing.
    GatewayProcess.signal("-STOP", Long.parseLong(console));

    GatewayProcess.signal("-INT", up.pid());

    assertTrue(up.waitFor(9, TimeUnit.SECONDS), "it waits");
    assertEquals(130, up.exitValue());
    assertEquals(List.of(), gateways());
    assertEquals(List.of(), companions());
  }

  /** One after the other they would take the nine seconds that three of them have each. */
  @Test
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
    long begun = System.nanoTime();

    GatewayProcess.signal("-INT", up.pid());

    assertEquals(130, exit(up));
    long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begun);
    for (Process each : hung) {
      assertEquals(128 + 9, exit(each));
    }
    assertTrue(seconds < 9, seconds + " s");
  }

  /** It hears nothing, and its command line has the file. */
  private static Process stopped(Path file) throws Exception {
    Process process =
        new ProcessBuilder("tail", "-f", file.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    InProcessGateway.await(() -> commandLine(process.pid()).startsWith("tail"));
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

    assertTrue(up.waitFor(9, TimeUnit.SECONDS), "it waits");
    assertEquals(130, up.exitValue());
    InProcessGateway.await(() -> gateways().isEmpty() && companions().isEmpty());
  }

  @Test
  void aStartThatIsInterruptedEndsThoughTheGatewayDoesNotListen() throws Exception {
    assertEquals(0, exit(launch("down")));
    Files.createFile(folder.resolve("hang.start"));
    Process up = launch("up");
    InProcessGateway.await(() -> gateways().size() == 1);

    GatewayProcess.signal("-INT", up.pid());

    assertTrue(up.waitFor(5, TimeUnit.SECONDS), "it waits");
    assertEquals(130, up.exitValue());
    // A process that the killed one had just forked still looks like it.
    InProcessGateway.await(() -> gateways().isEmpty());
  }

  /** A large model takes minutes, in which somebody may change his mind. */
  @Test
  void downEndsAStartThatIsAtWork() throws Exception {
    assertEquals(0, exit(launch("down")));
    Files.createFile(folder.resolve("hang.start"));
    Process up = launch("up", "-d");
    InProcessGateway.await(() -> gateways().size() == 1);

    assertEquals(0, exit(launch("down")));

    assertEquals(143, exit(up));
    InProcessGateway.await(() -> gateways().isEmpty());
    assertEquals(List.of(), companions());
    Files.delete(folder.resolve("hang.start"));
    assertEquals(0, exit(launch("up", "-d")), output());
  }

  @Test
  void downEndsARestartThatIsAtWorkAndTheGatewayThatRuns() throws Exception {
    Files.createFile(hang);
    Process restart = launch("restart");
    InProcessGateway.await(() -> gateways().size() == 2);

    assertEquals(0, exit(launch("down")));

    assertEquals(143, exit(restart));
    InProcessGateway.await(() -> gateways().isEmpty());
  }
}

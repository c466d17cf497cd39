package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How long a gateway that stops may take, with a launcher that insists soon. */
class LauncherStopIT extends LauncherHome {
  private static final int GRACE_SECONDS = 2;

  @BeforeEach
  void insistSoon() throws Exception {
    stopGrace(GRACE_SECONDS);
  }

  /** Streams end behind those seconds. */
  private void streamsFinish() throws Exception {
    Stopwatch streaming = Stopwatch.start();
    Await.until(() -> streaming.millis() > 2000 * GRACE_SECONDS);
    Files.delete(folder.resolve("hang.long"));
  }

  private boolean finished() {
    return Files.exists(folder.resolve("hang.finished"));
  }

  @Test
  void downWaitsAsLongAsTheGatewaySaysThatItsStreamsTake() throws Exception {
    aside("long", "200000");
    Process down = launch("down");
    streamsFinish();

    assertEquals(0, exit(down));

    assertTrue(finished());
    assertEquals("Stopped\n", output());
  }

  /** What the old one says goes to a file that the new one's has replaced. */
  @Test
  void restartWaitsAsLongAsTheOldGatewaySays() throws Exception {
    aside("long", "200000");
    Process restart = launch("restart");
    awaitGateways(2);
    streamsFinish();

    assertEquals(0, exit(restart));

    assertTrue(finished());
    assertEquals(List.of(current()), gateways());
  }

  /** A service manager kills what is left when its own time is over. */
  @Test
  void aServiceManagerIsAskedForThatTimeToo() throws Exception {
    assertEquals(0, exit(launch("down")));
    Path bin = Files.createDirectories(folder.resolve("bin"));
    script(
        bin.resolve("systemd-notify"), "#!/bin/sh\necho \"$@\" >>" + folder.resolve("told") + "\n");
    Process up =
        launch(
            Map.of("NOTIFY_SOCKET", "/none", "PATH", bin + ":" + System.getenv("PATH")),
            "up",
            "--without",
            "console");
    Await.until("ready", this::told, said -> said.contains("--ready"));
    aside("long", "200000");

    GatewayProcess.signal("-TERM", up.pid());
    streamsFinish();

    assertEquals(143, exit(up));
    assertTrue(finished());
    // With 5 s beyond what the gateway says, and 3 s for what runs beside it.
    assertTrue(told().endsWith("\nEXTEND_TIMEOUT_USEC=208000000\n"), told());
  }

  private String told() throws Exception {
    Path file = folder.resolve("told");
    return Files.exists(file) ? Files.readString(file) : "";
  }

  @Test
  void oneThatTakesLongerThanItSaysIsKilledAndThatIsSaid() throws Exception {
    aside("long", "0");
    Process down = launch("down");

    assertEquals(0, exit(down));

    assertFalse(finished());
    assertTrue(output().contains("did not end within 5 s, and was killed"), output());
  }
}

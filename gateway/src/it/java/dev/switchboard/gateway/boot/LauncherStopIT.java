package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** How long a gateway that stops may take, with a launcher that insists after one second. */
@Tag("untimed")
class LauncherStopIT extends LauncherHome {
  @BeforeEach
  void insistSoon() throws Exception {
    Path part = home.resolve("launcher/gateway.sh");
    String text = Files.readString(part);
    String soon = text.replaceFirst("(?m)^stop_grace=60 ", "stop_grace=1 ");
    assertFalse(soon.equals(text));
    Files.writeString(part, soon);
  }

  /** Streams end behind the second. */
  private void streamsFinish() throws Exception {
    Thread.sleep(3000);
    Files.delete(folder.resolve("hang.long"));
  }

  private boolean finished() {
    return Files.exists(folder.resolve("hang.finished"));
  }

  @Test
  void downWaitsAsLongAsTheGatewaySaysThatItsStreamsTake() throws Exception {
    aside("long", "20000");
    Process down = launch("down");
    streamsFinish();

    assertEquals(0, exit(down));

    assertTrue(finished());
    assertEquals("Stopped\n", output());
  }

  /** What the old one says goes to a file that the new one's has replaced. */
  @Test
  void restartWaitsAsLongAsTheOldGatewaySays() throws Exception {
    aside("long", "20000");
    Process restart = launch("restart");
    InProcessGateway.await(() -> gateways().size() == 2);
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
    InProcessGateway.await(() -> told().contains("--ready"));
    aside("long", "20000");

    GatewayProcess.signal("-TERM", up.pid());
    streamsFinish();

    assertEquals(143, exit(up));
    assertTrue(finished());
    // With 5 s beyond what the gateway says, and 3 s for what runs beside it.
    assertTrue(told().endsWith("\nEXTEND_TIMEOUT_USEC=28000000\n"), told());
  }

  private String told() {
    try {
      Path file = folder.resolve("told");
      return Files.exists(file) ? Files.readString(file) : "";
    } catch (Exception e) {
      throw new AssertionError(e);
    }
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

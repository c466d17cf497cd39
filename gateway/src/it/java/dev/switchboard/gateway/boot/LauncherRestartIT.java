package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a restart leaves behind: one gateway, and whoever watches it or asks it. */
@Tag("untimed")
class LauncherRestartIT extends LauncherHome {
  /** In the foreground, as a service manager has it; another launcher started what it waits for. */
  private Process handedOver() throws Exception {
    assertEquals(0, exit(launch("down")));
    Process up = launch("up", "--without", "console");
    awaitOutput("curl ");
    assertEquals(0, exit(launch("restart")));
    String mark = "--pid=" + current();
    InProcessGateway.await(
        () -> up.children().filter(each -> commandLine(each.pid()).contains(mark)).count() == 2);
    return up;
  }

  @Test
  void upFailsWhenTheOneThatTookOverDies() throws Exception {
    Process up = handedOver();

    GatewayProcess.signal("-KILL", Long.parseLong(current()));

    assertEquals(1, exit(up));
    assertTrue(
        Files.readString(folder.resolve("output3")).contains("the gateway ended without a word"));
  }

  @Test
  void upEndsWellWhenTheOneThatTookOverWasToldToStop() throws Exception {
    Process up = handedOver();

    assertEquals(0, exit(launch("down")));

    assertEquals(0, exit(up));
  }
}

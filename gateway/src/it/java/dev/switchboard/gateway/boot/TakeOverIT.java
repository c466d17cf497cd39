package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A gateway that listens beside another one on its port, and takes over when that is stopped. */
class TakeOverIT {

  @Test
  void noRequestFailsWhenAGatewayIsReplacedUnderLoad() throws Exception {
    try (GatewayProcess old = start("0");
        Load load = Load.start(old, 6)) {
      String port = Integer.toString(old.api("").getPort());
      try (GatewayProcess next = start(port, "--take-over")) {
        load.awaitServed(load.served() + 20);
        long begun = System.nanoTime();

        old.process().destroy();

        assertTrue(old.process().waitFor(60, TimeUnit.SECONDS));
        long tookMs = (System.nanoTime() - begun) / 1_000_000;
        int served = load.served();
        load.awaitServed(served + 20);
        load.assertNothingFailed();
        assertEquals(0, old.process().exitValue());
        assertEquals(port, Integer.toString(next.api("").getPort()));
        System.out.printf(
            "SIGTERM of one of two gateways: out after %d ms, %d requests, 0 failed%n",
            tookMs, load.served());
      }
    }
  }

  @Test
  void withoutTheOptionATakenPortIsAnError() throws Exception {
    try (InProcessGateway running =
        InProcessGateway.unready("", java.net.URI.create("http://127.0.0.1:1"))) {
      String port = Integer.toString(running.api("").getPort());
      try (GatewayProcess second =
          GatewayProcess.start(List.of(), "--port", port, "--workers", "1")) {
        String message =
            second.await(event -> event.path("event").asText().equals("failed")).toString();

        assertTrue(message.contains("cannot listen on 127.0.0.1:" + port), message);
      }
    }
  }

  private static GatewayProcess start(String port, String... more) throws Exception {
    String[] arguments = new String[more.length + 4];
    System.arraycopy(new String[] {"--workers", "1", "--port", port}, 0, arguments, 0, 4);
    System.arraycopy(more, 0, arguments, 4, more.length);
    return GatewayProcess.start(List.of(), arguments).awaitReady();
  }
}

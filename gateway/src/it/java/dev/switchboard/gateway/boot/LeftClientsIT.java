package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clients that are gone when a gateway that fell behind gets to their requests. */
class LeftClientsIT {
  private static final int CLIENTS = 20;

  @TempDir Path folder;

  @Test
  void nothingIsBegunForThemAndEachIsCounted() throws Exception {
    Path config = folder.resolve("up.yaml");
    try (FakeUpstream upstream = new FakeUpstream()) {
      Files.writeString(config, "upstreams: [{url: \"" + upstream.url() + "\", models: [m]}]\n");
      try (GatewayProcess gateway =
          GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady()) {
        long pid = gateway.process().pid();
        // The kernel takes connections, bytes and ends for a process that does not run.
        GatewayProcess.signal("-STOP", pid);
        for (int i = 0; i < CLIENTS; i++) {
          leave(gateway, false);
          leave(gateway, true);
        }
        GatewayProcess.signal("-CONT", pid);

        Await.until(
            "requests of clients that are gone",
            () -> of(gateway, "switchboard_requests_total", "outcome=\"client_gone\""),
            gone -> gone == 2 * CLIENTS);
        assertEquals(2 * CLIENTS, of(gateway, "switchboard_requests_total"));
        assertEquals(0, of(gateway, "switchboard_upstream_attempts_total"));
        assertEquals(List.of(), List.copyOf(upstream.seen));
      }
    }
  }

  private static void leave(GatewayProcess gateway, boolean reset) throws IOException {
    String body = InProcessGateway.chat(true);
    String head =
        "POST " + InProcessGateway.CHAT + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: ";
    try (Socket socket = new Socket(gateway.api("").getHost(), gateway.api("").getPort())) {
      socket.setSoLinger(reset, 0);
      socket
          .getOutputStream()
          .write((head + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.UTF_8));
    }
  }

  private static double of(GatewayProcess gateway, String metric, String... labels)
      throws Exception {
    return new MetricsText(gateway.metrics()).sum(metric, labels);
  }
}

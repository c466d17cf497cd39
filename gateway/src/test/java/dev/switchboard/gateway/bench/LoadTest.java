package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.switchboard.gateway.flight.Outcome;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LoadTest {
  private static final String LATE =
      "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"code\":\"deadline_exceeded\"}}\n\n";

  private HttpServer server;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    answers("/full", 429, "queue_full", "{\"error\":{}}");
    answers("/late", 504, "deadline_unreachable", "{\"error\":{}}");
    answers("/other", 429, "evicted", "{\"error\":{}}");
    answers("/begun", 200, "", LATE);
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private void answers(String path, int status, String reason, String body) {
    server.createContext(
        path,
        exchange -> {
          exchange.getResponseHeaders().set("X-Switchboard-Reason", reason);
          exchange.sendResponseHeaders(status, 0);
          try (OutputStream out = exchange.getResponseBody()) {
            out.write(body.getBytes(StandardCharsets.US_ASCII));
          }
        });
  }

  private static byte[] request(String path) {
    return ("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        .getBytes(StandardCharsets.US_ASCII);
  }

  @Test
  void refusalsAreToldByTheReasonsThatCount() throws IOException {
    ClientLedger ledger = new ClientLedger();
    Histogram full = Load.histogram();
    Histogram late = Load.histogram();

    Load.Result result =
        new Load(server.getAddress(), ledger)
            .refused(
                List.of(request("/full"), request("/late"), request("/other"), request("/begun")),
                Map.of("queue_full", full, "deadline_unreachable", late),
                400,
                0.2);

    // They take turns, and whoever comes first in one has had one more.
    long begun = ledger.begun();
    assertTrue(begun > 3);
    assertEquals((begun + 3) / 4, full.getTotalCount());
    assertEquals((begun + 2) / 4, late.getTotalCount());
    assertEquals((begun + 3) / 4 + (begun + 2) / 4, result.completed());
    assertEquals((begun + 3) / 4 + (begun + 1) / 4, ledger.count(Outcome.SHED));
    assertEquals((begun + 2) / 4 + begun / 4, ledger.count(Outcome.DEADLINE));
    assertEquals(List.of(), ledger.faults());
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.StandardSocketOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a start that cannot succeed says, and how soon. */
class CommandLineIT {
  @ParameterizedTest
  @ValueSource(strings = {"--port", "--admin-port"})
  void aTakenPortIsNamedWithItsFlagBeforeAnyWorkerIsStarted(String flag) throws Exception {
    List<String> events = new ArrayList<>();
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        GatewayProcess gateway =
            // The helper's own --port 0 comes first: the last one wins.
            GatewayProcess.start(List.of(), flag, Integer.toString(taken.getLocalPort()))) {
      JsonNode failed =
          gateway.await(
              event -> {
                events.add(event.path("event").asText());
                return event.path("event").asText().equals("failed");
              });

      String message = failed.path("message").asText();
      assertTrue(message.contains(flag), message);
      assertTrue(message.contains("127.0.0.1:" + taken.getLocalPort()), message);
      assertEquals(List.of("failed"), events);
      assertTrue(gateway.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      assertEquals(4, failed.path("status").asInt());
      assertEquals(4, gateway.process().exitValue());
    }
  }

  /** One of another gateway of this user would let it in, and have its share of the requests. */
  @ParameterizedTest
  @ValueSource(strings = {"--port", "--admin-port"})
  void whoTakesOverSharesNoPortsButThoseOfTheOtherGateway(String flag) throws Exception {
    try (ServerSocket theirs = new ServerSocket();
        ServerSocket foreign = new ServerSocket()) {
      for (ServerSocket each : List.of(theirs, foreign)) {
        each.setOption(StandardSocketOptions.SO_REUSEPORT, true);
        each.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      }
      String own = flag.equals("--port") ? "--admin-port" : "--port";
      try (GatewayProcess gateway =
          GatewayProcess.start(
              List.of("-Dswitchboard.shared-ports=" + theirs.getLocalPort()),
              own,
              Integer.toString(theirs.getLocalPort()),
              flag,
              Integer.toString(foreign.getLocalPort()),
              "--take-over")) {
        JsonNode told =
            gateway.await(
                event -> Set.of("failed", "ready").contains(event.path("event").asText()));

        String message = told.path("message").asText();
        assertTrue(message.contains("127.0.0.1:" + foreign.getLocalPort()), told.toString());
        assertTrue(gateway.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
        assertEquals(4, gateway.process().exitValue());
      }
    }
  }
}

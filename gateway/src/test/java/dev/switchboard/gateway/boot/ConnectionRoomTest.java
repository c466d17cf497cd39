package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.descriptors.OpenFiles;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConnectionRoomTest {
  private static GatewayConfig config(String yaml) {
    ObjectNode tree = ConfigReader.defaults();
    ConfigReader.overlay(tree, yaml);
    return ConfigReader.read(tree);
  }

  private static ConnectionRoom room(String yaml, int loops, int limit, int open) {
    return ConnectionRoom.of(config(yaml), List.of(), loops, new OpenFiles(limit, open));
  }

  @Test
  void aLargeLimitLeavesWhatIsConfigured() {
    assertEquals(new ConnectionRoom(10_000, 20_000, false), room("{}", 2, 1_000_000, 200));
    assertEquals(new ConnectionRoom(10_000, 10_000, false), room("{}", 1, Integer.MAX_VALUE, 0));
  }

  @Test
  void twoConnectionsToReplicasAreKeptForEachRequestThatMayBeInFlight() {
    String few = "admission: {max-in-flight: 100}\nadmin: {max-connections: 72}";

    assertEquals(new ConnectionRoom(1000, 1000, true), room(few, 1, 1500, 100));
    assertEquals(new ConnectionRoom(500, 1000, true), room(few, 2, 1500, 100));
  }

  @Test
  void withFewerClientsThanThatEachHasOneRequest() {
    String few = "admin: {max-connections: 72}";

    assertEquals(new ConnectionRoom(200, 200, true), room(few, 1, 900, 100));
  }

  @Test
  void eachReplicaHasItsOwn() {
    String servers =
        """
        admin: {max-connections: 72}
        upstreams:
          - {url: "http://127.0.0.1:1", models: [a]}
          - {url: "http://127.0.0.1:2", models: [a]}
          - {url: "http://127.0.0.1:3", models: [a]}
        """;

    assertEquals(new ConnectionRoom(184, 184, true), room(servers, 1, 900, 100));
  }

  @Test
  void aLimitThatLeavesTooFewEndsTheStartAndSaysWhatIsNeeded() {
    String message =
        String.valueOf(
            assertThrows(IllegalStateException.class, () -> room("{}", 1, 256, 100)).getMessage());

    assertTrue(message.contains("RLIMIT_NOFILE"), message);
    assertTrue(message.endsWith("must be at least 532"), message);
    assertEquals(new ConnectionRoom(16, 16, true), room("{}", 1, 532, 100));
  }

  @Test
  void whoWantsFewConnectionsNeedsNoMore() {
    String few = "http: {max-connections: 2}";

    assertEquals(new ConnectionRoom(2, 2, false), room(few, 1, 256 + 128 + 100 + 6, 100));
  }
}

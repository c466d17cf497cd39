package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.shared.ValkeyServer;
import dev.switchboard.gateway.store.PostgresServer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Gateways that share a store or a Valkey know each other. */
class GatewaysIT {
  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
  }

  @AfterEach
  void stop() {
    upstream.close();
  }

  @Test
  void thoseOfOneDatabaseAreListedUntilTheyEnd() throws Exception {
    try (PostgresServer server = new PostgresServer();
        InProcessGateway one = InProcessGateway.before(stored(server), upstream)) {
      try (InProcessGateway other = InProcessGateway.before(stored(server), upstream)) {
        InProcessGateway.await(() -> ids(one).size() == 2 && ids(other).size() == 2);

        assertEquals(ids(one), ids(other));
        for (JsonNode gateway : gateways(one)) {
          JsonNode own =
              (gateway.path("this").asBoolean() ? one : other).adminJson("/admin/v1/gateway");
          assertEquals("live", gateway.path("state").asText());
          assertEquals(own.path("id"), gateway.path("id"));
          assertEquals(own.path("addresses"), gateway.path("addresses"));
          assertEquals("store", gateway.path("heard_by").path(0).asText());
          assertEquals(
              0,
              (System.currentTimeMillis()
                      - Instant.parse(gateway.path("last_heard").asText()).toEpochMilli())
                  / 30_000);
        }
      }
      InProcessGateway.await(() -> ids(one).size() == 1);
    }
  }

  @Test
  void thoseOfOneValkeyAreListedAndOneThatDoesNotAnswerIsNamed() throws Exception {
    try (ValkeyServer valkey = new ValkeyServer();
        InProcessGateway one = InProcessGateway.before(shared(valkey), upstream);
        InProcessGateway other = InProcessGateway.before(shared(valkey), upstream)) {
      InProcessGateway.await(() -> ids(one).size() == 2 && ids(other).size() == 2);

      valkey.end();
      InProcessGateway.await(() -> ids(one).size() == 1);
      JsonNode answer = one.adminJson("/admin/v1/gateways");
      assertEquals("valkey", answer.path("unread").path(0).path("source").asText());
      assertEquals(
          one.adminJson("/admin/v1/gateway").path("id"),
          answer.path("gateways").path(0).path("id"));
    }
  }

  private static Set<String> ids(InProcessGateway gateway) {
    Set<String> ids = new TreeSet<>();
    gateways(gateway).forEach(each -> ids.add(each.path("id").asText()));
    return ids;
  }

  private static List<JsonNode> gateways(InProcessGateway gateway) {
    List<JsonNode> all = new ArrayList<>();
    try {
      gateway.adminJson("/admin/v1/gateways").path("gateways").forEach(all::add);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
    return all;
  }

  private static String stored(PostgresServer server) {
    return "store: {url: \"" + server.url() + "\", poll-ms: 100}";
  }

  private static String shared(ValkeyServer valkey) {
    return "shared: {url: \"" + valkey.url() + "\", retry-ms: 100}";
  }
}

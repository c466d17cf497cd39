package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.admin.GatewayList;
import dev.switchboard.gateway.shared.SharedConfig;
import dev.switchboard.gateway.shared.ValkeyGateways;
import dev.switchboard.gateway.shared.ValkeyServer;
import dev.switchboard.gateway.store.GatewayCard;
import dev.switchboard.gateway.store.PostgresServer;
import dev.switchboard.testing.Await;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Gateways that share a store or a Valkey know each other. */
class GatewaysIT {
  private static final long HOUR_MS = 3_600_000;

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
    Instant begun = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    try (PostgresServer server = new PostgresServer();
        InProcessGateway one = InProcessGateway.before(stored(server), upstream)) {
      try (InProcessGateway other = InProcessGateway.before(stored(server), upstream)) {
        awaitGateways(one, 2);
        awaitGateways(other, 2);

        assertEquals(ids(one), ids(other));
        for (JsonNode gateway : gateways(one)) {
          JsonNode own =
              (gateway.path("this").asBoolean() ? one : other).adminJson("/admin/v1/gateway");
          assertEquals("live", gateway.path("state").asText());
          assertEquals(own.path("id"), gateway.path("id"));
          assertEquals(own.path("addresses"), gateway.path("addresses"));
          assertEquals("store", gateway.path("heard_by").path(0).asText());
          Instant heard = Instant.parse(gateway.path("last_heard").asText());
          assertFalse(heard.isBefore(begun), gateway::toString);
        }
      }
      awaitGateways(one, 1);
    }
  }

  @Test
  void thoseOfOneValkeyAreListedAndOneThatDoesNotAnswerIsNamed() throws Exception {
    try (ValkeyServer valkey = new ValkeyServer();
        InProcessGateway one = InProcessGateway.before(shared(valkey), upstream);
        InProcessGateway other = InProcessGateway.before(shared(valkey), upstream)) {
      awaitGateways(one, 2);
      awaitGateways(other, 2);

      JsonNode reached = one.adminJson("/admin/v1/gateway").path("valkey");
      assertEquals(valkey.url(), "redis://" + reached.path("address").asText());
      assertTrue(reached.path("reached").asBoolean(), reached::toString);

      valkey.end();
      Await.until("the loss of the Valkey", () -> !reached(one));
      awaitGateways(one, 1);
      JsonNode answer = one.adminJson("/admin/v1/gateways");
      assertEquals("valkey", answer.path("unread").path(0).path("source").asText());
      assertFalse(answer.at("/unread/0/why").asText().isEmpty(), answer::toString);
      assertEquals(
          one.adminJson("/admin/v1/gateway").path("id"),
          answer.path("gateways").path(0).path("id"));
      // It stays so, though nobody asks it for a limit.
      assertFalse(reached(one));
      valkey.begin();
      Await.until("the Valkey", () -> reached(one));
    }
  }

  private static boolean reached(InProcessGateway gateway) throws Exception {
    return gateway.adminJson("/admin/v1/gateway").at("/valkey/reached").asBoolean();
  }

  /** By what it said last: three beats ago it is silent, and an hour ago it is forgotten. */
  @Test
  void oneThatSaysNothingIsSilentAndForgottenAfterAnHour() throws Exception {
    SharedConfig defaults = SharedConfig.DEFAULTS;
    HandClock clock = new HandClock();
    try (ValkeyServer valkey = new ValkeyServer();
        InProcessGateway gateway = InProcessGateway.before(shared(valkey), clock, upstream);
        ValkeyGateways others =
            new ValkeyGateways(
                upstream.vertx(),
                new SharedConfig(
                    valkey.url(),
                    defaults.timeoutMs(),
                    defaults.retryMs(),
                    defaults.leaseMs(),
                    defaults.startMs()))) {
      long now = clock.wallMs();
      long beat = GatewayList.BEAT_MS;
      others.heard(new GatewayCard("live", now - 2 * beat, "{}"));
      others.heard(new GatewayCard("silent", now - 3 * beat - 1, "{}"));
      others.heard(new GatewayCard("nearly", now - HOUR_MS + 2 * beat, "{}"));
      others.heard(new GatewayCard("forgotten", now - HOUR_MS - 1, "{}"));

      Await.until(
          "the others",
          () -> ids(gateway),
          ids -> ids.containsAll(List.of("live", "silent", "nearly")));
      Map<String, String> states = new TreeMap<>();
      gateways(gateway)
          .forEach(each -> states.put(each.path("id").asText(), each.path("state").asText()));
      String own = gateway.adminJson("/admin/v1/gateway").path("id").asText();
      assertEquals(
          Map.of(own, "live", "live", "live", "silent", "silent", "nearly", "silent"), states);
    }
  }

  @Test
  void aStoreThatIsAwayIsToldWithItsReason() throws Exception {
    try (PostgresServer server = new PostgresServer();
        InProcessGateway gateway = InProcessGateway.before(stored(server), upstream)) {
      assertTrue(gateway.adminJson("/admin/v1/gateway").at("/store/up").asBoolean());
      assertEquals(0, gateway.adminJson("/admin/v1/gateways").path("unread").size());

      server.end();
      try {
        Await.until("the loss of the store", () -> !storeUp(gateway));
        JsonNode store = gateway.adminJson("/admin/v1/gateway").path("store");
        assertEquals("postgresql", store.path("kind").asText());
        assertFalse(store.path("why").asText("").isEmpty(), store::toString);
        JsonNode listed = gateway.adminJson("/admin/v1/gateways");
        assertEquals("store", listed.at("/unread/0/source").asText(), listed::toString);
        assertFalse(listed.at("/unread/0/why").asText("").isEmpty(), listed::toString);
        assertEquals(1, listed.path("gateways").size(), listed::toString);
      } finally {
        server.begin();
      }
      Await.until("the store", () -> storeUp(gateway));
      assertTrue(gateway.adminJson("/admin/v1/gateway").at("/store/why").isNull());
    }
  }

  private static boolean storeUp(InProcessGateway gateway) throws Exception {
    return gateway.adminJson("/admin/v1/gateway").at("/store/up").asBoolean();
  }

  private static void awaitGateways(InProcessGateway gateway, int count) {
    Await.until("gateways", () -> ids(gateway), ids -> ids.size() == count);
  }

  private static Set<String> ids(InProcessGateway gateway) throws Exception {
    Set<String> ids = new TreeSet<>();
    gateways(gateway).forEach(each -> ids.add(each.path("id").asText()));
    return ids;
  }

  private static List<JsonNode> gateways(InProcessGateway gateway) throws Exception {
    return gateway.adminJson("/admin/v1/gateways").path("gateways").valueStream().toList();
  }

  private static String stored(PostgresServer server) {
    return "store: {url: \"" + server.url() + "\", poll-ms: 100}";
  }

  private static String shared(ValkeyServer valkey) {
    return "shared: {url: \"" + valkey.url() + "\", retry-ms: 100}";
  }
}

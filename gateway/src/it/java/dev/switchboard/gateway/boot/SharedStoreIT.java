package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.store.PostgresServer;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Two gateways on one PostgreSQL, which goes away while they serve. */
class SharedStoreIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long SEEN_NANOS = 2_000_000_000L;

  private FakeUpstream upstream;
  private PostgresServer server;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    server = new PostgresServer();
  }

  @AfterEach
  void stop() throws Exception {
    upstream.close();
    server.close();
  }

  @Test
  void whatOneGatewayChangesTheOtherKnowsWithinTwoSeconds() throws Exception {
    try (InProcessGateway one = InProcessGateway.before(store(), upstream);
        InProcessGateway other = InProcessGateway.before(store(), upstream)) {
      JsonNode made = JSON.readTree(one.admin("POST", "/admin/v1/keys", "{\"name\":\"a\"}").body());
      String[] key = {"Authorization", "Bearer " + made.path("key").asText()};
      long begun = System.nanoTime();
      InProcessGateway.await(() -> ask(other) == 401);
      assertEquals(200, ask(other, key));
      JsonNode second =
          JSON.readTree(one.admin("POST", "/admin/v1/keys", "{\"name\":\"b\"}").body());
      assertTrue(System.nanoTime() - begun < SEEN_NANOS);

      one.admin("DELETE", "/admin/v1/keys/" + made.path("id").asText(), "");
      long revoked = System.nanoTime();
      assertEquals(401, ask(one, key));
      InProcessGateway.await(() -> ask(other, key) == 401);

      assertTrue(System.nanoTime() - revoked < SEEN_NANOS);
      assertEquals(200, ask(other, "Authorization", "Bearer " + second.path("key").asText()));
      assertEquals(3, other.adminJson("/admin/v1/audit").path("audit").size());
    }
  }

  /** PostgreSQL takes no NUL. */
  @Test
  void whoAsksForANulIsRefusedAndTheStoreGoesOn() throws Exception {
    try (InProcessGateway one = InProcessGateway.before(store(60_000), upstream)) {
      assertEquals(400, one.admin("GET", "/admin/v1/usage?tenant=%00", "").statusCode());
      assertEquals(400, one.admin("DELETE", "/admin/v1/keys/%00", "").statusCode());

      assertEquals(201, one.admin("POST", "/admin/v1/keys", "{\"name\":\"a\"}").statusCode());
      JsonNode audit = one.adminJson("/admin/v1/audit").path("audit");
      assertEquals(List.of("", "?"), audit.findValuesAsText("target"));
    }
  }

  /** What a gateway knows of keys is older than what they are by up to {@code store.poll-ms}. */
  @Test
  void versionsOfKeysAreThoseOfTheStoreAndNotOfWhatAGatewayKnows() throws Exception {
    try (InProcessGateway one = InProcessGateway.before(store(), upstream)) {
      String rotated = key(one, "a");
      String revoked = key(one, "b");
      try (InProcessGateway late = InProcessGateway.before(store(60_000), upstream)) {
        String[] a = {"If-Match", version(one, "a")};
        String[] b = {"If-Match", version(one, "b")};
        String rotate = "/admin/v1/keys/" + rotated + "/rotate";
        assertEquals(201, one.admin("POST", rotate, "{}", a).statusCode());
        assertEquals(200, one.admin("DELETE", "/admin/v1/keys/" + revoked, "", b).statusCode());

        String other = "{\"name\":\"c\"}";
        assertEquals(412, late.admin("POST", rotate, other, a).statusCode());
        assertEquals(412, late.admin("DELETE", "/admin/v1/keys/" + rotated, "", a).statusCode());
        assertEquals(412, late.admin("POST", "/admin/v1/keys", "{\"name\":\"b\"}", b).statusCode());
      }
      assertEquals(List.of("a", "a-2"), keys(one).findValuesAsText("name"));
    }
  }

  private static String key(InProcessGateway gateway, String name) throws Exception {
    String made = gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"" + name + "\"}").body();
    return JSON.readTree(made).path("id").asText();
  }

  private static JsonNode keys(InProcessGateway gateway) throws Exception {
    return gateway.adminJson("/admin/v1/keys").path("keys");
  }

  private static String version(InProcessGateway gateway, String name) throws Exception {
    for (JsonNode each : keys(gateway)) {
      if (each.path("name").asText().equals(name)) {
        return each.path("version").asText();
      }
    }
    throw new AssertionError("no " + name);
  }

  @ParameterizedTest
  @CsvSource({"POST, uncordon, false", "POST, resume, true", "DELETE, drain, true"})
  void aReplicaComesBackWithoutTheStoreWhichHearsOfItLater(
      String method, String verb, boolean drained) throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(store(), upstream)) {
      String replica = gateway.fleet().replicas().iterator().next().id();
      String path = "/admin/v1/replicas/" + replica + "/";
      assertEquals(200, gateway.admin("POST", path + "cordon", "").statusCode());
      assertEquals(1, settings());
      if (drained) {
        assertEquals(200, gateway.admin("POST", path + "drain", "").statusCode());
      }
      server.end();
      InProcessGateway.await(() -> up(gateway) == 0);

      HttpResponse<String> back = gateway.admin(method, path + verb, "");

      assertEquals(200, back.statusCode(), back::body);
      InProcessGateway.await(() -> ask(gateway) == 200);
      assertEquals(503, gateway.admin("POST", path + "cordon", "").statusCode());
      assertEquals(200, ask(gateway));
      server.begin();
      InProcessGateway.await(() -> up(gateway) == 1);
      InProcessGateway.await(() -> settings() == 0);
      assertEquals(200, gateway.admin("POST", path + "cordon", "").statusCode());
      assertEquals(1, settings());
    }
  }

  /** How many replicas are not as they are configured, as the store has it. */
  private int settings() {
    try (Connection connection = DriverManager.getConnection(server.url(), "switchboard", "");
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT COUNT(*) FROM replica_setting")) {
      assertTrue(rows.next());
      return rows.getInt(1);
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void withoutTheStoreRequestsGoOnAndChangesAreRefused() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(store(), upstream)) {
      String made = gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"a\"}").body();
      String[] key = {"Authorization", "Bearer " + JSON.readTree(made).path("key").asText()};
      assertEquals(1, gateway.metric("switchboard_store_up"));

      server.end();
      InProcessGateway.await(() -> up(gateway) == 0);

      assertEquals(200, ask(gateway, key));
      assertEquals(401, ask(gateway));
      HttpResponse<String> refused = gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"b\"}");
      assertEquals(503, refused.statusCode());
      assertTrue(refused.body().contains("store_unavailable"), refused.body());
      assertEquals(503, gateway.get(gateway.admin("/admin/v1/usage")).statusCode());
      String replica = gateway.fleet().replicas().iterator().next().id();
      assertEquals(
          200, gateway.admin("POST", "/admin/v1/replicas/" + replica + "/drain", "").statusCode());

      server.begin();
      InProcessGateway.await(() -> up(gateway) == 1);

      JsonNode log = gateway.adminJson("/admin/v1/audit").path("audit");
      assertTrue(log.path(0).path("action").asText().endsWith("/drain"), log::toString);
      assertEquals(503, log.path(1).path("status").asInt());
      assertEquals(201, gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"b\"}").statusCode());
    }
  }

  /** One that refuses tells so at once; this one says nothing, so whoever asks it waits. */
  @Test
  void aStoreThatAnswersNothingIsWaitedForByNoRequest() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(store(), upstream)) {
      String made = gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"a\"}").body();
      String[] key = {"Authorization", "Bearer " + JSON.readTree(made).path("key").asText()};
      List<Long> usual = new ArrayList<>();
      while (usual.size() < 200) {
        usual.add(askedNanos(gateway, key));
      }

      List<Long> meanwhile = new ArrayList<>();
      server.freeze();
      try {
        // Until its silence is noticed, and for as many requests as before after that.
        for (int after = 0; after < 200; after += up(gateway) == 0 ? 1 : 0) {
          meanwhile.add(askedNanos(gateway, key));
        }
      } finally {
        server.thaw();
      }
      InProcessGateway.await(() -> up(gateway) == 1);

      // More than those after its silence was noticed.
      assertTrue(meanwhile.size() > 220, () -> meanwhile.size() + " requests");
      assertTrue(
          median(meanwhile) < 2 * median(usual) + 2_000_000,
          () -> median(meanwhile) + " ns each, usually " + median(usual));
      assertTrue(Collections.max(meanwhile) < 1_000_000_000L, () -> "slowest " + meanwhile);
      InProcessGateway.await(() -> counted(gateway) >= usual.size() + meanwhile.size());
      assertEquals(usual.size() + meanwhile.size(), counted(gateway));
    }
  }

  private static long askedNanos(InProcessGateway gateway, String... headers) {
    long begun = System.nanoTime();
    assertEquals(200, ask(gateway, headers));
    return System.nanoTime() - begun;
  }

  private static long median(List<Long> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  private static int counted(InProcessGateway gateway) {
    try {
      return gateway
          .adminJson("/admin/v1/usage")
          .path("usage")
          .valueStream()
          .mapToInt(hour -> hour.path("requests").asInt())
          .sum();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private String store() {
    return store(100);
  }

  private String store(int pollMs) {
    return "store: {url: \"" + server.url() + "\", poll-ms: " + pollMs + "}";
  }

  private static double up(InProcessGateway gateway) {
    try {
      return gateway.metric("switchboard_store_up");
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static int ask(InProcessGateway gateway, String... headers) {
    try {
      return gateway
          .post(InProcessGateway.CHAT, InProcessGateway.chat(false), headers)
          .statusCode();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}

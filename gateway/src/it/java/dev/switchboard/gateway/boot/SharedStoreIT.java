package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.store.PostgresServer;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Two gateways on one PostgreSQL, which goes away while they serve. */
class SharedStoreIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long SEEN_MS = 2000;
  private static final int ASKED = 200;

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
  @Tag("timing")
  void aKeyThatOneGatewayRevokesIsRefusedByTheOtherWithinTwoSeconds() throws Exception {
    try (InProcessGateway one = InProcessGateway.before(store(), upstream);
        InProcessGateway other = InProcessGateway.before(store(), upstream)) {
      JsonNode made = JSON.readTree(one.admin("POST", "/admin/v1/keys", "{\"name\":\"a\"}").body());
      String[] key = {"Authorization", "Bearer " + made.path("key").asText()};
      Stopwatch created = Stopwatch.start();
      awaitStatus(401, other);
      long createdMs = created.millis();
      // With none left nobody would need one.
      assertEquals(201, one.admin("POST", "/admin/v1/keys", "{\"name\":\"b\"}").statusCode());

      one.admin("DELETE", "/admin/v1/keys/" + made.path("id").asText(), "");
      Stopwatch revoked = Stopwatch.start();
      awaitStatus(401, other, key);
      long revokedMs = revoked.millis();

      assertTrue(createdMs < SEEN_MS, () -> createdMs + " ms");
      assertTrue(revokedMs < SEEN_MS, () -> revokedMs + " ms");
    }
  }

  @Test
  void whatOneGatewayChangesTheOtherKnows() throws Exception {
    try (InProcessGateway one = InProcessGateway.before(store(), upstream);
        InProcessGateway other = InProcessGateway.before(store(), upstream)) {
      JsonNode made = JSON.readTree(one.admin("POST", "/admin/v1/keys", "{\"name\":\"a\"}").body());
      String[] key = {"Authorization", "Bearer " + made.path("key").asText()};
      awaitStatus(401, other);
      assertEquals(200, ask(other, key));
      JsonNode second =
          JSON.readTree(one.admin("POST", "/admin/v1/keys", "{\"name\":\"b\"}").body());

      one.admin("DELETE", "/admin/v1/keys/" + made.path("id").asText(), "");
      assertEquals(401, ask(one, key));
      awaitStatus(401, other, key);

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
      awaitUp(gateway, 0);

      HttpResponse<String> back = gateway.admin(method, path + verb, "");

      assertEquals(200, back.statusCode(), back::body);
      awaitStatus(200, gateway);
      assertEquals(503, gateway.admin("POST", path + "cordon", "").statusCode());
      assertEquals(200, ask(gateway));
      server.begin();
      awaitUp(gateway, 1);
      Await.until("settings", this::settings, count -> count == 0);
      assertEquals(200, gateway.admin("POST", path + "cordon", "").statusCode());
      assertEquals(1, settings());
    }
  }

  /** How many replicas are not as they are configured, as the store has it. */
  private int settings() throws SQLException {
    try (Connection connection = DriverManager.getConnection(server.url(), "switchboard", "");
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT COUNT(*) FROM replica_setting")) {
      assertTrue(rows.next());
      return rows.getInt(1);
    }
  }

  @Test
  void withoutTheStoreRequestsGoOnAndChangesAreRefused() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(store(), upstream)) {
      String made = gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"a\"}").body();
      String[] key = {"Authorization", "Bearer " + JSON.readTree(made).path("key").asText()};
      assertEquals(1, gateway.metric("switchboard_store_up"));

      server.end();
      awaitUp(gateway, 0);

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
      awaitUp(gateway, 1);

      JsonNode log = gateway.adminJson("/admin/v1/audit").path("audit");
      assertTrue(log.path(0).path("action").asText().endsWith("/drain"), log::toString);
      assertEquals(503, log.path(1).path("status").asInt());
      assertEquals(201, gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"b\"}").statusCode());
    }
  }

  /** One that refuses tells so at once; this one says nothing, so whoever asks it waits. */
  @Test
  void requestsThatAStoreWhichAnswersNothingDoesNotHearOfAreCountedLater() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(store(), upstream)) {
      String[] key = aKey(gateway);
      int asked = askedNanos(gateway, ASKED, key).size() + whileItIsSilent(gateway, key).size();
      awaitUp(gateway, 1);

      Await.until("counted", () -> counted(gateway), count -> count >= asked);
      assertEquals(asked, counted(gateway));
    }
  }

  @Test
  @Tag("timing")
  void aStoreThatAnswersNothingIsWaitedForByNoRequest() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(store(), upstream)) {
      String[] key = aKey(gateway);
      List<Long> usual = askedNanos(gateway, ASKED, key);
      List<Long> meanwhile = whileItIsSilent(gateway, key);

      // More than those after its silence was noticed.
      assertTrue(meanwhile.size() > ASKED + 20, () -> meanwhile.size() + " requests");
      assertTrue(
          median(meanwhile) < 2 * median(usual) + 2_000_000,
          () -> median(meanwhile) + " ns each, usually " + median(usual));
      assertTrue(Collections.max(meanwhile) < 1_000_000_000L, () -> "slowest " + meanwhile);
    }
  }

  private static String[] aKey(InProcessGateway gateway) throws Exception {
    String made = gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"a\"}").body();
    return new String[] {"Authorization", "Bearer " + JSON.readTree(made).path("key").asText()};
  }

  /** Until its silence is noticed, and for as many requests as before after that. */
  private List<Long> whileItIsSilent(InProcessGateway gateway, String... key) throws Exception {
    List<Long> meanwhile = new ArrayList<>();
    server.freeze();
    try {
      while (up(gateway) != 0) {
        meanwhile.addAll(askedNanos(gateway, 1, key));
      }
      meanwhile.addAll(askedNanos(gateway, ASKED, key));
    } finally {
      server.thaw();
    }
    return meanwhile;
  }

  /** How long each of so many requests took, one after the other. */
  private static List<Long> askedNanos(InProcessGateway gateway, int requests, String... headers)
      throws Exception {
    List<Long> took = new ArrayList<>();
    for (int i = 0; i < requests; i++) {
      Stopwatch asked = Stopwatch.start();
      assertEquals(200, ask(gateway, headers));
      took.add(asked.nanos());
    }
    return took;
  }

  private static void awaitUp(InProcessGateway gateway, int up) {
    Await.until("switchboard_store_up", () -> up(gateway), now -> now == up);
  }

  private static void awaitStatus(int status, InProcessGateway gateway, String... headers) {
    Await.until("" + status, () -> ask(gateway, headers), now -> now == status);
  }

  private static long median(List<Long> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  private static int counted(InProcessGateway gateway) throws Exception {
    return gateway
        .adminJson("/admin/v1/usage")
        .path("usage")
        .valueStream()
        .mapToInt(hour -> hour.path("requests").asInt())
        .sum();
  }

  private String store() {
    return store(100);
  }

  private String store(int pollMs) {
    return "store: {url: \"" + server.url() + "\", poll-ms: " + pollMs + "}";
  }

  private static double up(InProcessGateway gateway) throws Exception {
    return gateway.metric("switchboard_store_up");
  }

  private static int ask(InProcessGateway gateway, String... headers) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), headers).statusCode();
  }
}

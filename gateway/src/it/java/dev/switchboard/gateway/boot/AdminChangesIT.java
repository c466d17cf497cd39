package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who changes what and why, and that nobody overwrites what he has not seen. */
class AdminChangesIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String REASON = "X-Switchboard-Change-Reason";
  private static final String FOR = "X-Switchboard-On-Behalf-Of";

  private static FakeUpstream upstream;
  private static InProcessGateway gateway;

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    gateway = InProcessGateway.before("store: {poll-ms: 50}", upstream);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    upstream.close();
  }

  private static JsonNode get(String path, String... headers) throws Exception {
    HttpResponse<String> answer = gateway.get(gateway.admin(path), headers);
    assertEquals(200, answer.statusCode(), answer::body);
    return JSON.readTree(answer.body());
  }

  private static int put(String path, String body, String... headers) throws Exception {
    return gateway.admin("PUT", "/admin/v1/" + path, body, headers).statusCode();
  }

  @Test
  void theAuditLogSaysWhyAndForWhom() throws Exception {
    assertEquals(
        200, put("tenants/why", "{}", REASON, "zu langsam f%C3%BCr \"alle\"", FOR, "alice"));

    JsonNode entry = get("/admin/v1/audit?target=why&action=PUT").at("/audit/0");
    assertEquals("zu langsam für \"alle\"", entry.path("reason").asText());
    assertEquals("alice", entry.path("on_behalf_of").asText());
    assertEquals(0, get("/admin/v1/audit?target=why&status=409").path("audit").size());
    assertEquals(0, get("/admin/v1/audit?target=why&actor=alice").path("audit").size());
    assertEquals(1, get("/admin/v1/audit?target=why&actor=local").path("audit").size());
    Instant later = Instant.now().plus(Duration.ofHours(1));
    assertEquals(0, get("/admin/v1/audit?target=why&from=" + later).path("audit").size());
    assertEquals(1, get("/admin/v1/audit?target=why&to=" + later).path("audit").size());
    String at = entry.path("at").asText();
    assertEquals(1, get("/admin/v1/audit?target=why&from=" + at).path("audit").size());
    assertEquals(0, get("/admin/v1/audit?target=why&to=" + at).path("audit").size());
  }

  @Test
  void theAuditLogIsToldAsCsvToo() throws Exception {
    assertEquals(200, put("tenants/csv", "{}", REASON, "=1+1, \"x\""));

    HttpResponse<String> answer =
        gateway.get(gateway.admin("/admin/v1/audit?target=csv"), "Accept", "text/csv");

    List<String> lines = answer.body().lines().toList();
    assertEquals("text/csv; charset=utf-8", answer.headers().firstValue("Content-Type").orElse(""));
    assertTrue(lines.getFirst().startsWith("id,at,actor,"), answer::body);
    assertTrue(lines.get(1).contains(",csv,200,,\"'=1+1, \"\"x\"\"\","), answer::body);
    assertEquals(400, gateway.get(gateway.admin("/admin/v1/audit?format=xml")).statusCode());
  }

  @ParameterizedTest
  @CsvSource({
    "X-Switchboard-Change-Reason, %zz",
    "X-Switchboard-Change-Reason, %0a",
    "X-Switchboard-Change-Reason, %20",
    "X-Switchboard-On-Behalf-Of, %00"
  })
  void whatIsSaidMustBeText(String header, String value) throws Exception {
    HttpResponse<String> answer =
        gateway.admin("PUT", "/admin/v1/tenants/said", "{}", header, value);

    assertEquals(400, answer.statusCode());
    assertEquals(header, JSON.readTree(answer.body()).at("/error/param").asText());
    assertFalse(get("/admin/v1/tenants").toString().contains("\"said\""));
  }

  @Test
  void ofTwoWhoChangeWhatTheyHaveSeenOneIsRefused() throws Exception {
    assertEquals(412, put("tenants/race", "{}", "If-Match", "0123456789abcdef"));
    assertEquals(412, put("tenants/race", "{}", "If-Match", "*"));
    assertEquals(200, put("tenants/race", "{}", "If-Match", "none"));
    String seen = version("/admin/v1/tenants", "tenants", "name", "race");
    List<Callable<Integer>> changes = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      String body = "{\"max_concurrency\":" + i + "}";
      changes.add(() -> put("tenants/race", body, "If-Match", '"' + seen + '"'));
    }

    assertEquals(Map.of(200, 1L, 412, 7L), atOnce(changes));
    assertEquals(
        412, gateway.admin("DELETE", "/admin/v1/tenants/race", "", "If-Match", seen).statusCode());
  }

  @Test
  void classesSplitsAndReplicasAreHeldToTheirVersionsToo() throws Exception {
    assertEquals(412, put("slo-classes/v", "{\"ttft_ms\":9}", "If-Match", "*"));
    assertEquals(200, put("slo-classes/v", "{\"ttft_ms\":9}", "If-Match", "none"));
    String seen = version("/admin/v1/slo-classes", "slo_classes", "name", "v");
    assertEquals(200, put("slo-classes/v", "{\"ttft_ms\":8}", "If-Match", seen));
    assertEquals(412, put("slo-classes/v", "{\"ttft_ms\":7}", "If-Match", seen));
    assertEquals(412, put("splits/v", "{\"targets\":[{\"model\":\"m\"}]}", "If-Match", seen));

    String replica = version("/admin/v1/replicas", "replicas", "id", "u0");
    String weight = "/admin/v1/replicas/u0/weight";
    assertEquals(200, post(weight, "{\"weight\":2}", replica));
    assertEquals(412, post(weight, "{\"weight\":3}", replica));
    assertEquals(2, get("/admin/v1/replicas/u0").path("weight").asInt());
    assertEquals(200, post(weight, "{\"weight\":1}", "*"));
  }

  @Test
  void ofTwoWhoRotateTheKeyTheyHaveSeenOneIsRefused() throws Exception {
    String id = made("{\"name\":\"raced\",\"role\":\"viewer\"}").path("id").asText();
    String seen = version("/admin/v1/keys", "keys", "name", "raced");
    List<Callable<Integer>> changes = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      String body = "{\"name\":\"raced-by-" + i + "\"}";
      changes.add(() -> post("/admin/v1/keys/" + id + "/rotate", body, seen));
    }

    assertEquals(Map.of(201, 1L, 412, 7L), atOnce(changes));
    HttpResponse<String> revoked =
        gateway.admin("DELETE", "/admin/v1/keys/" + id, "", "If-Match", seen);
    assertEquals(412, revoked.statusCode());
  }

  @Test
  void ofTwoWhoWeighTheReplicaTheyHaveSeenOneIsRefused() throws Exception {
    String seen = version("/admin/v1/replicas", "replicas", "id", "u0");
    String weight = "/admin/v1/replicas/u0/weight";
    List<Callable<Integer>> changes = new ArrayList<>();
    for (int i = 2; i <= 9; i++) {
      String body = "{\"weight\":" + i + "}";
      changes.add(() -> post(weight, body, seen));
    }

    assertEquals(Map.of(200, 1L, 412, 7L), atOnce(changes));
    assertEquals(200, post(weight, "{\"weight\":1}", "*"));
  }

  /** How often each status was the answer. */
  private static Map<Integer, Long> atOnce(List<Callable<Integer>> changes) throws Exception {
    Map<Integer, Long> answers = new TreeMap<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(changes.size())) {
      for (Future<Integer> change : threads.invokeAll(changes)) {
        answers.merge(change.get(), 1L, Long::sum);
      }
    }
    return answers;
  }

  private static JsonNode made(String body) throws Exception {
    HttpResponse<String> answer = gateway.admin("POST", "/admin/v1/keys", body);
    assertEquals(201, answer.statusCode(), answer::body);
    return JSON.readTree(answer.body());
  }

  private static int post(String path, String body, String version) throws Exception {
    return gateway.admin("POST", path, body, "If-Match", version).statusCode();
  }

  private static String version(String path, String list, String key, String name)
      throws Exception {
    for (JsonNode each : get(path).path(list)) {
      if (each.path(key).asText().equals(name)) {
        return each.path("version").asText();
      }
    }
    throw new AssertionError("no " + name);
  }

  @Test
  void aKeyIsRotatedWithAnOverlapAndToldWithItsUse() throws Exception {
    JsonNode made =
        JSON.readTree(
            gateway
                .admin("POST", "/admin/v1/keys", "{\"name\":\"turn\",\"role\":\"viewer\"}")
                .body());
    String path = "/admin/v1/keys/" + made.path("id").asText() + "/rotate";
    Instant before = Instant.now();

    JsonNode fresh =
        JSON.readTree(gateway.admin("POST", path, "{\"overlap_seconds\":3600}").body());
    Instant after = Instant.now();

    assertEquals("turn-2", fresh.path("name").asText());
    JsonNode entry = get("/admin/v1/audit?action=rotate").at("/audit/0");
    assertEquals("turn", entry.at("/before/name").asText());
    assertEquals("turn-2", entry.at("/after/name").asText());
    assertFalse(entry.toString().contains(fresh.path("key").asText()));
    assertEquals("viewer", fresh.path("role").asText());
    assertEquals("local", fresh.path("created_by").asText());
    assertTrue(fresh.path("key").asText().startsWith(fresh.path("beginning").asText()));
    get("/admin/v1/models", "Authorization", "Bearer " + made.path("key").asText());
    get("/admin/v1/models", "Authorization", "Bearer " + fresh.path("key").asText());
    JsonNode old = key("turn");
    Instant ends = Instant.parse(old.path("expires_at").asText());
    assertTrue(ends.isAfter(before.plusSeconds(3599)), ends::toString);
    assertTrue(ends.isBefore(after.plusSeconds(3601)), ends::toString);
    assertEquals(404, gateway.admin("POST", "/admin/v1/keys/key-0/rotate", "").statusCode());
    Await.until("its use", () -> key("turn").path("last_used"), used -> !used.isNull());
  }

  /** Whoever lost the new key's text rotates the old one again. */
  @ParameterizedTest
  @CsvSource({"again, ''", "againd, ',\"expires_in_seconds\":5000'"})
  void aSecondSuccessorHasTheTimeThatTheKeyWasMadeFor(String name, String more) throws Exception {
    JsonNode made = made("{\"name\":\"" + name + "\",\"role\":\"viewer\"" + more + "}");
    String path = "/admin/v1/keys/" + made.path("id").asText() + "/rotate";
    JsonNode lost = JSON.readTree(gateway.admin("POST", path, "{\"overlap_seconds\":3600}").body());
    String ends = key(name).path("expires_at").asText();

    String body = "{\"name\":\"" + name + "-b\"}";
    JsonNode second = JSON.readTree(gateway.admin("POST", path, body).body());

    assertEquals(made.path("expires_at"), lost.path("expires_at"));
    assertEquals(made.path("expires_at"), second.path("expires_at"));
    assertEquals(second.path("expires_at"), key(name + "-b").path("expires_at"));
    assertEquals(ends, key(name).path("expires_at").asText());
  }

  @Test
  void aKeyThatHasEndedIsNotRotated() throws Exception {
    JsonNode made = made("{\"name\":\"ended\",\"role\":\"viewer\"}");
    String path = "/admin/v1/keys/" + made.path("id").asText() + "/rotate";
    assertEquals(201, gateway.admin("POST", path, "{\"overlap_seconds\":0}").statusCode());
    int keys = get("/admin/v1/keys").path("keys").size();

    HttpResponse<String> refused = gateway.admin("POST", path, "{\"name\":\"ended-b\"}");

    assertEquals(409, refused.statusCode(), refused::body);
    JsonNode error = JSON.readTree(refused.body()).path("error");
    assertEquals("key_expired", error.path("code").asText());
    String ends = key("ended").path("expires_at").asText();
    assertTrue(error.path("message").asText().contains(ends), refused::body);
    assertEquals(keys, get("/admin/v1/keys").path("keys").size());
  }

  private static JsonNode key(String name) throws Exception {
    for (JsonNode each : get("/admin/v1/keys").path("keys")) {
      if (each.path("name").asText().equals(name)) {
        return each;
      }
    }
    throw new AssertionError("no " + name);
  }

  @Test
  void whoMayNotDelegateActsForItself() throws Exception {
    String viewer = "{\"name\":\"op\",\"role\":\"operator\"}";
    String made = gateway.admin("POST", "/admin/v1/keys", viewer).body();
    String key = "Bearer " + JSON.readTree(made).path("key").asText();

    HttpResponse<String> refused =
        gateway.admin(
            "POST", "/admin/v1/replicas/u0/cordon", "", FOR, "alice", "Authorization", key);

    assertEquals(403, refused.statusCode());
    assertTrue(refused.body().contains(FOR), refused::body);
    assertEquals("READY", get("/admin/v1/replicas/u0").path("state").asText());
    JsonNode entry = get("/admin/v1/audit?actor=op").at("/audit/0");
    assertEquals(403, entry.path("status").asInt());
  }

  @Test
  void aKeyMadeHereMayDelegateAndTheAuditShowsBoth() throws Exception {
    String wanted = "{\"name\":\"desk\",\"role\":\"operator\",\"delegate\":true}";
    JsonNode made = JSON.readTree(gateway.admin("POST", "/admin/v1/keys", wanted).body());
    String key = "Bearer " + made.path("key").asText();

    HttpResponse<String> weighed =
        gateway.admin(
            "POST",
            "/admin/v1/replicas/u0/weight",
            "{\"weight\":1}",
            FOR,
            "dora",
            "Authorization",
            key);

    assertEquals(200, weighed.statusCode(), weighed::body);
    JsonNode entry = get("/admin/v1/audit?on_behalf_of=dora").at("/audit/0");
    assertEquals("desk", entry.path("actor").asText(), entry::toString);
    assertEquals("operator", entry.path("role").asText(), entry::toString);
    assertTrue(key("desk").path("delegate").asBoolean());
    String rotate = "/admin/v1/keys/" + made.path("id").asText() + "/rotate";
    JsonNode fresh = JSON.readTree(gateway.admin("POST", rotate, "").body());
    assertTrue(fresh.path("delegate").asBoolean(), fresh::toString);
  }

  @Test
  void aPartOfAReasonFindsItsChange() throws Exception {
    assertEquals(200, put("tenants/found", "{}", REASON, "Ticket OPS-417, too many calls"));

    JsonNode found = get("/admin/v1/audit?reason=ops-417").path("audit");

    assertEquals(1, found.size(), found::toString);
    assertEquals("found", found.at("/0/target").asText());
    assertEquals(0, get("/admin/v1/audit?reason=ops-418").path("audit").size());
  }

  @Test
  void whatOnlyTellsWhatWouldComeOfAChangeIsToldApart() throws Exception {
    String drain = "/admin/v1/replicas/u0/drain";
    assertEquals(200, gateway.admin("POST", drain + "?plan=true", "", FOR, "bob").statusCode());
    assertEquals(200, put("slo-classes/dry?preview=true", "{\"ttft_ms\":9}", FOR, "bob"));

    JsonNode entries = get("/admin/v1/audit?on_behalf_of=bob").path("audit");

    assertEquals(2, entries.size());
    assertEquals("PUT /admin/v1/slo-classes/:name?preview=true", entries.at("/0/action").asText());
    assertEquals("POST /admin/v1/replicas/:id/drain?plan=true", entries.at("/1/action").asText());
    assertEquals("READY", get("/admin/v1/replicas/u0").path("state").asText());
    HttpResponse<String> mistyped = gateway.admin("POST", drain + "?plan=yes", "");
    assertEquals(400, mistyped.statusCode());
    assertEquals("plan", JSON.readTree(mistyped.body()).at("/error/param").asText());
    assertEquals("READY", get("/admin/v1/replicas/u0").path("state").asText());
    assertEquals(400, gateway.get(gateway.admin("/admin/v1/audit?on_behalf=x")).statusCode());
  }

  /** Which of the two was meant is not known: the plan of a drain, or a drain. */
  @Test
  void aParameterThatIsGivenTwiceIsRefused() throws Exception {
    HttpResponse<String> drain =
        gateway.admin("POST", "/admin/v1/replicas/u0/drain?plan=false&plan=true", "");
    HttpResponse<String> audit =
        gateway.get(gateway.admin("/admin/v1/audit?actor=a&actor=b&limit=1"));

    assertEquals(400, drain.statusCode(), drain::body);
    assertEquals("plan", JSON.readTree(drain.body()).at("/error/param").asText());
    assertEquals("READY", get("/admin/v1/replicas/u0").path("state").asText());
    assertEquals(400, audit.statusCode(), audit::body);
    assertEquals("actor", JSON.readTree(audit.body()).at("/error/param").asText());
  }

  @Test
  void theEventOfAChangeSaysForWhomItWas() throws Exception {
    try (EventReader events = EventReader.of(gateway, "?types=audit")) {
      assertEquals(200, put("tenants/event", "{}", FOR, "carol"));

      JsonNode told =
          events.await(each -> each.data().path("target").asText().equals("event")).data();
      assertEquals("carol", told.path("on_behalf_of").asText());
    }
    String csv = gateway.get(gateway.admin("/admin/v1/audit?on_behalf_of=carol&format=csv")).body();
    assertEquals(2, csv.lines().count(), csv);
    assertTrue(csv.contains(",carol,"), csv);
  }

  @Test
  void aPageOfTenantsIsToldWithWhatTheyUseNow() throws Exception {
    assertEquals(200, put("tenants/used", "{\"requests_per_minute\":60}"));

    JsonNode plain = get("/admin/v1/tenants?after=usec&limit=1").at("/tenants/0");
    JsonNode told = get("/admin/v1/tenants?after=usec&limit=1&now=true").at("/tenants/0");

    assertTrue(plain.path("now").isMissingNode(), plain::toString);
    assertEquals("used", told.path("name").asText());
    assertEquals(60, told.at("/now/requests_per_minute/left").asInt());
    assertEquals("used", told.at("/now/name").asText());
    assertEquals(plain.path("version"), told.path("version"));
    assertEquals(400, gateway.get(gateway.admin("/admin/v1/tenants?now=maybe")).statusCode());
  }

  @Test
  void beforeTheFirstRestartThereIsNoneAndThatIsNoError() throws Exception {
    JsonNode told = get("/admin/v1/replicas/restart");

    assertEquals(0, told.path("workers").size());
    assertTrue(told.path("done").asBoolean(), told::toString);
  }

  @ParameterizedTest
  @CsvSource({
    "DELETE, splits/nobody, name",
    "DELETE, tenants/nobody, name",
    "DELETE, slo-classes/nobody, name",
    "DELETE, keys/nobody, id",
    "DELETE, drills/nobody, id",
    "DELETE, requests/nobody, id",
    "DELETE, trace-levels/nobody, model",
    "POST, replicas/nobody/cordon, id",
    "GET, replicas/nobody, id",
    "GET, tenants/nobody/now, name",
    "GET, slo/budgets?class=nobody, class",
    "GET, requests/nobody/explain, id"
  })
  void whatIsNotThereIsNamedByItsParameter(String method, String path, String param)
      throws Exception {
    HttpResponse<String> answer = gateway.admin(method, "/admin/v1/" + path, "");

    assertEquals(404, answer.statusCode(), answer::body);
    assertEquals(param, JSON.readTree(answer.body()).at("/error/param").asText());
  }
}

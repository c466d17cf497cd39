package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.admin.AdminRoute;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.identity.KeySecret;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys, tenants, roles, usage and the audit log, through the API as their users see them. */
class IdentityIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String USAGE =
      "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10,"
          + "\"prompt_tokens_details\":{\"cached_tokens\":2}}";

  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end("{\"choices\":[]," + USAGE + "}"));
  }

  @AfterEach
  void stop() {
    upstream.close();
  }

  // ---- roles -----------------------------------------------------------------------------------

  @Test
  void everyRouteAsksForItsRoleAndNoLess() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(keys(Role.values()), upstream)) {
      List<String> wrong = new ArrayList<>();
      List<AdminRoute> routes = gateway.gateway().adminRoutes();
      for (AdminRoute route : routes) {
        String path = route.path().replaceAll(":\\w+", "nothing");
        for (Role role : Role.values()) {
          int status = gateway.adminStatus(route.method(), path, "[]", bearer(role.label()));
          if ((status == 403) == role.may(route.role()) || status == 401 || status >= 500) {
            wrong.add(role + " " + route.action() + " " + status);
          }
        }
        if (gateway.admin(route.method(), path, "[]").statusCode() != 401
            || gateway.admin(route.method(), path, "[]", bearer("x")).statusCode() != 401) {
          wrong.add("nobody " + route.action());
        }
      }

      assertEquals(List.of(), wrong);
      assertTrue(routes.size() >= 15, routes::toString);
      assertTrue(
          routes.stream().filter(AdminRoute::mutating).allMatch(at -> at.role() != Role.VIEWER));
    }
  }

  @Test
  void whatIsNotRegisteredIsDenied() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(keys(Role.values()), upstream)) {
      for (String path : List.of("/", "/admin", "/admin/v1", "/admin/v1/keys/a/b", "/v1/models")) {
        assertEquals(401, gateway.get(gateway.admin(path)).statusCode(), path);
        assertEquals(404, gateway.get(gateway.admin(path), bearer("admin")).statusCode(), path);
      }
      HttpResponse<String> patched =
          gateway.admin("PATCH", "/admin/v1/keys", "{}", bearer("admin"));
      assertEquals(405, patched.statusCode());
      assertEquals("GET, POST", patched.headers().firstValue("Allow").orElseThrow());
    }
  }

  @Test
  void onlyAnAppsKeyCallsModels() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(keys(Role.values()), upstream)) {
      assertEquals(200, ask(gateway, bearer("app")));
      assertEquals(401, ask(gateway));
      for (Role role : List.of(Role.VIEWER, Role.OPERATOR, Role.ADMIN)) {
        assertEquals(403, ask(gateway, bearer(role.label())), role.label());
      }
    }
  }

  @Test
  void loopbackIsOpenUntilThereIsAnAdminsKey() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      String operator =
          create(gateway, "{\"name\":\"op\",\"role\":\"operator\"}").path("key").asText();
      assertEquals(200, gateway.admin("GET", "/admin/v1/keys", "").statusCode());
      assertEquals(200, ask(gateway));

      JsonNode made = create(gateway, "{\"name\":\"boss\",\"role\":\"admin\"}");

      assertEquals(401, gateway.admin("GET", "/admin/v1/keys", "").statusCode());
      String[] boss = {"Authorization", "Bearer " + made.path("key").asText()};
      assertEquals(200, gateway.admin("GET", "/admin/v1/keys", "", boss).statusCode());
      assertEquals(
          403,
          gateway
              .admin("POST", "/admin/v1/keys", "{}", "Authorization", "Bearer " + operator)
              .statusCode());
      assertEquals(200, ask(gateway));
    }
  }

  // ---- keys ------------------------------------------------------------------------------------

  @Test
  void aKeyIsShownOnceUsedAndRevokedAtOnce() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      JsonNode made = create(gateway, "{\"name\":\"shop\",\"tenant\":\"gold\"}");
      String key = made.path("key").asText();

      assertTrue(key.matches("sb-[0-9A-Za-z]{43}"), key);
      assertEquals(200, ask(gateway, "Authorization", "Bearer " + key));
      assertEquals(401, ask(gateway));
      String listed = gateway.get(gateway.admin("/admin/v1/keys")).body();
      assertTrue(listed.contains("\"shop\""), listed);
      assertFalse(listed.contains(key) || listed.contains("sha256"), listed);
      assertFalse(gateway.get(gateway.admin("/admin/v1/audit")).body().contains(key));

      String path = "/admin/v1/keys/" + made.path("id").asText();
      assertEquals(200, gateway.admin("DELETE", path, "").statusCode());

      assertEquals(404, gateway.admin("DELETE", path, "").statusCode());
      create(gateway, "{\"name\":\"other\"}");
      assertEquals(401, ask(gateway, "Authorization", "Bearer " + key));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{} | name",
        "{\"name\":\"a b\"} | name",
        "{\"name\":\"a\",\"role\":\"root\"} | role",
        "{\"name\":\"a\",\"tenant\":\"\"} | tenant",
        "{\"name\":\"a\",\"sha256\":\"00\"} | sha256",
        "{\"name\":\"a\",\"is_admin\":true} | is_admin",
        "{\"name\":7} | name",
        "{\"name\":\"a\",\"expires_in_seconds\":0} | expires_in_seconds",
        "{\"name\":\"a\",\"expires_in_seconds\":1.5} | expires_in_seconds",
        "[] | none",
        "null | none",
        "{\"name\":\"a\",\"name\":\"b\"} | none",
        "{\"name\": | none"
      })
  void aMistakeNamesItsFieldAndMakesNoKey(String body, String field) throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      HttpResponse<String> refused = gateway.admin("POST", "/admin/v1/keys", body);

      assertEquals(400, refused.statusCode(), refused.body());
      assertEquals(
          field.equals("none") ? "null" : field,
          JSON.readTree(refused.body()).path("error").path("param").asText(),
          refused.body());
      assertEquals(0, gateway.adminJson("/admin/v1/keys").path("keys").size());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"limit=0", "limit=1001", "limit=x", "limit=-1", "limit=99999999999999"})
  void aPageIsBounded(String query) throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      for (String list : List.of("keys", "tenants", "audit", "usage", "requests")) {
        HttpResponse<String> refused =
            gateway.get(gateway.admin("/admin/v1/" + list + "?" + query));

        assertEquals(400, refused.statusCode(), list);
        assertTrue(refused.body().contains("\"param\":\"limit\""), refused.body());
      }
    }
  }

  @Test
  void pagesFollowEachOther() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      for (String name : List.of("c", "a", "b")) {
        create(gateway, "{\"name\":\"" + name + "\"}");
      }
      JsonNode first = gateway.adminJson("/admin/v1/keys?limit=2");
      JsonNode second =
          gateway.adminJson("/admin/v1/keys?limit=2&after=" + first.path("next").asText());

      assertEquals(List.of("a", "b"), first.path("keys").findValuesAsText("name"));
      assertEquals(List.of("c"), second.path("keys").findValuesAsText("name"));
      assertTrue(second.path("next").isMissingNode());
    }
  }

  // ---- tenants, usage, audit -------------------------------------------------------------------

  @Test
  void usageIsWhatTheMetricsSay() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      String gold = create(gateway, "{\"name\":\"shop\",\"tenant\":\"gold\"}").path("key").asText();
      for (int i = 0; i < 5; i++) {
        assertEquals(200, ask(gateway, "Authorization", "Bearer " + gold));
      }
      String bad = "{\"model\":\"nobody\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
      assertEquals(
          404,
          gateway.post(InProcessGateway.CHAT, bad, "Authorization", "Bearer " + gold).statusCode());
      Await.until("its usage", () -> counted(gateway, "gold"), requests -> requests == 6);

      JsonNode row = gateway.adminJson("/admin/v1/usage?tenant=gold").path("usage").path(0);

      assertEquals(35, row.path("prompt_tokens").asInt());
      assertEquals(10, row.path("cached_tokens").asInt());
      assertEquals(15, row.path("output_tokens").asInt());
      String tokens = "switchboard_tokens_total{cache=\"%s\",direction=\"%s\",model=\"m\"}";
      assertEquals(10, gateway.metric(tokens.formatted("hit", "prompt")));
      assertEquals(25, gateway.metric(tokens.formatted("miss", "prompt")));
      assertEquals(15, gateway.metric(tokens.formatted("none", "completion")));
      assertEquals(0, gateway.adminJson("/admin/v1/usage?tenant=other").path("usage").size());
      assertEquals(
          0,
          gateway
              .adminJson("/admin/v1/usage?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
              .path("usage")
              .size());
    }
  }

  private static int counted(InProcessGateway gateway, String tenant) throws Exception {
    return gateway
        .adminJson("/admin/v1/usage?tenant=" + tenant)
        .path("usage")
        .path(0)
        .path("requests")
        .asInt();
  }

  @Test
  void aTenantIsSetWholeAndForgotten() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      String path = "/admin/v1/tenants/gold";
      assertEquals(
          200, gateway.admin("PUT", path, "{\"weight\":2,\"tokens_per_day\":9}").statusCode());
      JsonNode set = JSON.readTree(gateway.admin("PUT", path, "{\"max_concurrency\":3}").body());

      assertEquals(1, set.path("weight").asInt());
      assertEquals(0, set.path("tokens_per_day").asInt());
      assertEquals(3, set.path("max_concurrency").asInt());
      assertEquals(100, set.path("max_priority").asInt());
      assertEquals(400, gateway.admin("PUT", path, "{\"weight\":0}").statusCode());
      assertEquals(400, gateway.admin("PUT", path, "{\"weigth\":1}").statusCode());
      assertEquals(400, gateway.admin("PUT", path, "{\"max_priority\":101}").statusCode());
      assertEquals(400, gateway.admin("PUT", "/admin/v1/tenants/a%20b", "{}").statusCode());
      assertEquals(200, gateway.admin("DELETE", path, "").statusCode());
      assertEquals(404, gateway.admin("DELETE", path, "").statusCode());
    }
  }

  @Test
  void everyChangeIsInTheAuditLogAndSoIsEveryAttempt() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(keys(Role.values()), upstream)) {
      List<AdminRoute> changes =
          gateway.gateway().adminRoutes().stream().filter(AdminRoute::mutating).toList();
      for (AdminRoute route : changes) {
        String path = route.path().replaceAll(":\\w+", "nothing");
        gateway.admin(route.method(), path, "[]", bearer("admin"));
        gateway.admin(route.method(), path, "[]", bearer("viewer"));
      }

      JsonNode log = audit(gateway);

      List<String> wanted = new ArrayList<>();
      for (AdminRoute route : changes.reversed()) {
        wanted.add("viewer " + route.action());
        wanted.add("admin " + route.action());
      }
      List<String> found = new ArrayList<>();
      log.forEach(row -> found.add(row.path("actor").asText() + " " + row.path("action").asText()));
      assertEquals(wanted, found);
      assertEquals(403, log.path(0).path("status").asInt());
      assertEquals("127.0.0.1", log.path(0).path("source").asText());
    }
  }

  @Test
  void whoIsDeniedIsInTheAuditLogOnceAMinuteAndTheirKeyIsNot() throws Exception {
    String secret = "sb-guessed-secret";
    try (InProcessGateway gateway =
        InProcessGateway.before(keys(Role.values()), new HandClock(), upstream)) {
      String replica = "/admin/v1/replicas/" + secret;
      for (int i = 0; i < 20; i++) {
        assertEquals(401, gateway.get(gateway.admin(replica), bearer(secret)).statusCode());
        assertEquals(401, gateway.get(gateway.admin("/" + secret)).statusCode());
        assertEquals(403, gateway.get(gateway.admin("/metrics"), bearer("app")).statusCode());
      }

      JsonNode log = audit(gateway);

      List<String> found = new ArrayList<>();
      log.forEach(
          row ->
              found.add(
                  String.join(
                      " ",
                      row.path("actor").asText(),
                      row.path("role").asText(),
                      row.path("source").asText(),
                      row.path("status").asText(),
                      row.path("action").asText())));
      assertEquals(
          List.of(
              "app app 127.0.0.1 403 GET /metrics",
              "unknown none 127.0.0.1 401 no route",
              "unknown none 127.0.0.1 401 GET /admin/v1/replicas/:id"),
          found);
      assertFalse(log.toString().contains(secret), log::toString);
    }
  }

  @Test
  void theAuditLogTellsWhatWasAndWhatIs() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      gateway.admin("PUT", "/admin/v1/tenants/gold", "{\"weight\":2}");
      gateway.admin("PUT", "/admin/v1/tenants/gold", "{\"weight\":3}");
      String replica = gateway.fleet().replicas().iterator().next().id();
      gateway.admin("POST", "/admin/v1/replicas/" + replica + "/drain", "");

      JsonNode log = audit(gateway);

      JsonNode drain = log.path(0);
      assertEquals(replica, drain.path("target").asText());
      assertEquals("READY", drain.path("before").path("state").asText());
      assertTrue(drain.path("after").path("state").asText().startsWith("DRAIN"), drain::toString);
      assertEquals("local", drain.path("actor").asText());
      assertEquals(2, log.path(1).path("before").path("weight").asInt());
      assertEquals(3, log.path(1).path("after").path("weight").asInt());
      assertTrue(log.path(2).path("before").isNull());
      assertEquals(200, log.path(2).path("status").asInt());
    }
  }

  // ---- helpers ---------------------------------------------------------------------------------

  private static JsonNode audit(InProcessGateway gateway) throws Exception {
    String[] key = bearer("viewer");
    return JSON.readTree(gateway.get(gateway.admin("/admin/v1/audit"), key).body()).path("audit");
  }

  private static JsonNode create(InProcessGateway gateway, String body) throws Exception {
    HttpResponse<String> made = gateway.admin("POST", "/admin/v1/keys", body);
    assertEquals(201, made.statusCode(), made.body());
    return JSON.readTree(made.body());
  }

  private static int ask(InProcessGateway gateway, String... headers) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), headers).statusCode();
  }

  private static String[] bearer(String key) {
    return new String[] {"Authorization", "Bearer " + key};
  }

  /** One key of each role, whose text is the role's name. */
  static String keys(Role... roles) {
    StringBuilder yaml = new StringBuilder("auth:\n  keys:\n");
    for (Role role : roles) {
      yaml.append("    - {name: ").append(role.label()).append(", role: ").append(role.label());
      yaml.append(", sha256: ");
      yaml.append(HexFormat.of().formatHex(KeySecret.sha256(role.label()))).append("}\n");
    }
    return yaml.toString();
  }
}

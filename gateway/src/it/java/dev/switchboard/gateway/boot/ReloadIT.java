package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What can be changed while the gateway runs, in a file or in the store. */
class ReloadIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String RELOAD = "/admin/v1/config/reload";
  private static final String KEYS =
      "auth: {keys: [{name: app, sha256:"
          + " 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]}";

  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}"));
  }

  @AfterEach
  void stop() {
    upstream.close();
  }

  @Test
  void aReloadChangesKeysAndClassesAndSaysSo() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      assertEquals(200, ask(gateway));
      gateway.rewrite(KEYS + "\nslo: {default-class: batch}");

      HttpResponse<String> done = gateway.admin("POST", RELOAD, "");

      assertEquals("{\"changed\":[\"auth.keys\",\"slo.default-class\"]}", done.body());
      assertEquals(401, ask(gateway));
      assertEquals(200, ask(gateway, "Authorization", "Bearer secret", "X-Request-Id", "r"));
      assertEquals("batch", gateway.timeline("r").path("slo_class").asText());
      assertEquals(1, gateway.metric("switchboard_config_reloads_total{result=\"done\"}"));
      JsonNode row = gateway.adminJson("/admin/v1/audit").path("audit").path(0);
      assertEquals(
          "{\"auth.keys\":[],\"slo.default-class\":\"standard\"}", row.path("before").toString());
      assertEquals("batch", row.path("after").path("slo.default-class").asText());
      assertEquals("…", row.path("after").path("auth.keys").at("/0/sha256").asText());
    }
  }

  @Test
  void deadlinesAreThoseOfTheRequestsBeginning() throws Exception {
    upstream.script((request, body) -> {});
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      gateway.rewrite("deadlines: {answer-ms: 100}");
      gateway.admin("POST", RELOAD, "");

      assertEquals(504, ask(gateway));
    }
  }

  @Test
  void aReloadThatNeedsARestartOrIsInvalidChangesNothing() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      JsonNode before = gateway.adminJson("/admin/v1/config");
      gateway.rewrite(KEYS + "\nworkers: {ranks: 2}");
      HttpResponse<String> restart = gateway.admin("POST", RELOAD, "");
      gateway.rewrite(KEYS + "\nretry: {ratio: 7}");
      HttpResponse<String> invalid = gateway.admin("POST", RELOAD, "");

      assertEquals(409, restart.statusCode());
      assertTrue(restart.body().contains("workers.ranks"), restart.body());
      assertEquals(400, invalid.statusCode());
      assertTrue(invalid.body().contains("retry: ratio must be 0 to 1"), invalid.body());
      assertEquals(200, ask(gateway));
      assertEquals(before, gateway.adminJson("/admin/v1/config"));
      JsonNode log = gateway.adminJson("/admin/v1/audit").path("audit");
      assertEquals("invalid_config", log.path(0).path("code").asText());
      assertEquals("needs_restart", log.path(1).path("code").asText());
    }
  }

  @Test
  void aSignalHasTheFileReadAgainAndOneThatIsInvalidChangesNothingAndIsToldOf(@TempDir Path folder)
      throws Exception {
    Path file = folder.resolve("switchboard.yaml");
    Path log = folder.resolve("log");
    Files.writeString(file, "upstreams: [{url: \"" + upstream.url() + "\", models: [m]}]");
    try (GatewayProcess gateway =
        GatewayProcess.startLogging(log, List.of(), "--config", file.toString()).awaitReady()) {
      long pid = gateway.process().pid();
      assertEquals(200, ask(gateway));

      gateway.rewrite(KEYS);
      GatewayProcess.signal("-HUP", pid);
      InProcessGateway.await(() -> ask(gateway) == 401);
      InProcessGateway.await(() -> audit(gateway).size() == 1);
      gateway.rewrite("auth: {keys: []}\nretry: {ratio: 7}");
      GatewayProcess.signal("-HUP", pid);
      InProcessGateway.await(() -> audit(gateway).size() == 2);

      assertEquals(401, ask(gateway));
      JsonNode taken = audit(gateway).path(1);
      JsonNode refused = audit(gateway).path(0);
      for (JsonNode row : List.of(taken, refused)) {
        assertEquals("SIGHUP", row.path("action").asText());
        assertEquals("signal", row.path("source").asText());
      }
      assertEquals(200, taken.path("status").asInt());
      assertEquals("{\"auth.keys\":[]}", taken.path("before").toString());
      assertEquals(
          "app", taken.path("after").path("auth.keys").at("/0/name").asText(), taken::toString);
      assertEquals("invalid_config", refused.path("code").asText());
      assertTrue(refused.path("after").isNull());
      String said = Files.readString(log);
      assertTrue(said.contains("config_refused") && said.contains("ratio must be 0 to 1"), said);
      assertTrue(gateway.metrics().contains("config_reloads_total{result=\"invalid\"} 1"));
    }
  }

  private static JsonNode audit(GatewayProcess gateway) {
    return gateway.adminUnchecked("/admin/v1/audit").path("audit");
  }

  private static int ask(GatewayProcess gateway) {
    try {
      return gateway
          .post(gateway.api(InProcessGateway.CHAT), InProcessGateway.chat(false))
          .statusCode();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void theEffectiveConfigurationShowsNoSecret() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before(KEYS, upstream)) {
      String body = gateway.get(gateway.admin("/admin/v1/config")).body();

      assertFalse(body.contains("2bb80d"), body);
      assertTrue(body.contains("\"role\":\"app\""), body);
      assertEquals(0, JSON.readTree(body).at("/http/port").asInt(-1));
    }
  }

  @Test
  void aClassOfTheStoreIsThereAtOnceAndUntilItIsDeleted() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      String path = "/admin/v1/slo-classes/live";
      assertEquals(400, ask(gateway, "X-SLO-Class", "live"));

      assertEquals(200, gateway.admin("PUT", path, "{\"ttft_ms\":80,\"priority\":9}").statusCode());

      assertEquals(200, ask(gateway, "X-SLO-Class", "live"));
      JsonNode listed = gateway.adminJson("/admin/v1/slo-classes").path("slo_classes");
      assertEquals(
          "batch,interactive,live,standard", String.join(",", listed.findValuesAsText("name")));
      assertTrue(listed.path(2).path("stored").asBoolean());
      assertEquals(400, gateway.admin("PUT", path, "{\"window_days\":91}").statusCode());
      assertEquals(200, gateway.admin("DELETE", path, "").statusCode());
      assertEquals(404, gateway.admin("DELETE", path, "").statusCode());
      assertEquals(400, ask(gateway, "X-SLO-Class", "live"));
    }
  }

  @Test
  void aSplitOfTheStoreLeadsANameToAModelAtOnce() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      String path = "/admin/v1/splits/org%2Falias";
      String aliased = InProcessGateway.chat(false).replace("\"m\"", "\"org/alias\"");
      assertEquals(404, gateway.post(InProcessGateway.CHAT, aliased).statusCode());

      String split = "{\"targets\":[{\"model\":\"m\",\"weight\":2}]}";
      assertEquals(200, gateway.admin("PUT", path, split).statusCode());

      assertEquals(200, gateway.post(InProcessGateway.CHAT, aliased).statusCode());
      JsonNode listed = gateway.adminJson("/admin/v1/splits").path("splits").path(0);
      assertEquals("org/alias", listed.path("name").asText());
      assertTrue(listed.path("stored").asBoolean());
      HttpResponse<String> nowhere =
          gateway.admin("PUT", path, "{\"targets\":[{\"model\":\"nobody\"}]}");
      assertEquals(400, nowhere.statusCode());
      assertEquals("targets", JSON.readTree(nowhere.body()).path("error").path("param").asText());
      assertEquals(200, gateway.admin("DELETE", path, "").statusCode());
      assertEquals(404, gateway.post(InProcessGateway.CHAT, aliased).statusCode());
    }
  }

  @Test
  void aTenantThatHasUsedItsTokensIsRefusedAsOpenAiWould() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      gateway.admin("PUT", "/admin/v1/tenants/default", "{\"tokens_per_day\":11}");
      assertEquals(200, ask(gateway));
      assertEquals(200, ask(gateway));
      String usage = "/admin/v1/usage?tenant=default";
      InProcessGateway.await(() -> json(gateway, usage).at("/usage/0/requests").asInt() == 2);

      HttpResponse<String> refused =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertEquals(429, refused.statusCode());
      JsonNode said = JSON.readTree(refused.body());
      JsonNode error = said.path("error");
      assertEquals("insufficient_quota", error.path("code").asText());
      assertEquals("insufficient_quota", error.path("type").asText());
      long seconds = refused.headers().firstValueAsLong("Retry-After").orElseThrow();
      assertTrue(seconds >= 1 && seconds <= Duration.ofDays(1).toSeconds(), "" + seconds);
      assertEquals("insufficient_quota", reason(refused));
      JsonNode told = said.path("switchboard");
      assertEquals("insufficient_quota", told.path("reason").asText());
      assertEquals(
          "{\"period\":\"day\",\"used_tokens\":20,\"allowed_tokens\":11,\"resets_in_s\":"
              + seconds
              + "}",
          told.path("quota").toString());
      assertEquals(seconds, told.path("retry_after_s").asLong());
      assertTrue(told.path("time_ms").path("total").isNumber(), told::toString);
      assertEquals(200, gateway.get(gateway.api("/v1/models")).statusCode());
    }
  }

  private static String reason(HttpResponse<String> refused) {
    return refused.headers().firstValue("X-Switchboard-Reason").orElseThrow();
  }

  private static JsonNode json(InProcessGateway gateway, String path) {
    try {
      return gateway.adminJson(path);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static int ask(InProcessGateway gateway, String... headers) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), headers).statusCode();
  }
}

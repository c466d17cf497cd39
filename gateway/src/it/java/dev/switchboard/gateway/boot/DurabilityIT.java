package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.store.PostgresServer;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a gateway has confirmed is there after kill -9, and a full disk or a lost file is told. */
class DurabilityIT {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Usage that is so old is in the database. */
  private static final int LOST_MS = 1000;

  private static final String TENANT = "{\"tokens_per_day\":2000}";

  @TempDir private Path state;
  private FakeUpstream upstream;

  /** Members of the configuration's store; none for an embedded one. */
  private String database = "";

  @BeforeEach
  void begin() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            request
                .response()
                .end(
                    "{\"choices\":[],\"usage\":{\"prompt_tokens\":1990,"
                        + "\"completion_tokens\":20,\"total_tokens\":2010}}"));
  }

  @AfterEach
  void end() {
    upstream.close();
  }

  private GatewayProcess start(String... arguments) throws Exception {
    return unready(arguments).awaitReady();
  }

  private GatewayProcess unready(String... arguments) throws Exception {
    Path config = state.resolve("switchboard.yaml");
    Files.writeString(
        config,
        "store: {"
            + database
            + "requests: {keep-days: 7}}\nupstreams: [{url: \""
            + upstream.url()
            + "\", models: [m], weight: 2}]");
    return GatewayProcess.start(
        List.of("-Dswitchboard.state=" + state),
        Stream.concat(Stream.of(arguments), Stream.of("--config", config.toString()))
            .toArray(String[]::new));
  }

  /** Changes something and kills the gateway as soon as that is confirmed. */
  private static JsonNode changeAndKill(
      GatewayProcess gateway, String method, String path, String body) throws Exception {
    HttpResponse<String> answer = gateway.admin(method, path, body);
    gateway.process().destroyForcibly().waitFor();
    assertEquals(2, answer.statusCode() / 100, answer.body());
    return JSON.readTree(answer.body());
  }

  private static int ask(GatewayProcess gateway, String key) throws Exception {
    return gateway
        .post(
            gateway.api(InProcessGateway.CHAT),
            InProcessGateway.chat(false),
            "Authorization",
            "Bearer " + key)
        .statusCode();
  }

  /** Found by the filters that find those of memory, told and explained as before. */
  @Test
  void requestsOfInterestOutliveAKill() throws Exception {
    JsonNode before;
    try (GatewayProcess gateway = start()) {
      assertEquals(200, ask(gateway, "none"));
      upstream.script((request, body) -> request.connection().close());
      for (int i = 0; i < 3; i++) {
        gateway.post(
            gateway.api(InProcessGateway.CHAT),
            InProcessGateway.chat(false),
            "X-Request-Id",
            "broken" + i);
      }
      // A request is in the list shortly after its client has the answer.
      Await.until(
          "the broken ones",
          () -> ids(gateway, "?slo=missed"),
          List.of("broken2", "broken1", "broken0")::equals);
      before = gateway.admin("/admin/v1/requests/broken1/timeline");
      gateway.process().destroyForcibly().waitFor();
    }
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));

    try (GatewayProcess gateway = start()) {
      assertEquals(200, ask(gateway, "none"));
      Await.until("all four", () -> ids(gateway, ""), ids -> ids.size() == 4);
      JsonNode page = gateway.admin("/admin/v1/requests?slo=missed&limit=2");
      String next = page.path("next").asText();

      assertEquals(2, page.path("requests").size());
      assertEquals(List.of("broken0"), ids(gateway, "?slo=missed&limit=2&before=" + next));
      assertEquals(List.of(), ids(gateway, "?slo=missed&tenant=nobody"));
      assertEquals(3, ids(gateway, "?replica=u0&slo=missed").size());
      assertEquals(before, gateway.admin("/admin/v1/requests/broken1/timeline"));
      JsonNode why = gateway.admin("/admin/v1/requests/broken1/explain");
      assertFalse(why.path("text").asText().isEmpty(), why::toString);
    }
  }

  private static List<String> ids(GatewayProcess gateway, String query) throws Exception {
    List<String> ids = new ArrayList<>();
    gateway
        .admin("/admin/v1/requests" + query)
        .path("requests")
        .forEach(one -> ids.add(one.path("id").asText()));
    return ids;
  }

  @Test
  void whatWasConfirmedOutlivesAKill() throws Exception {
    String kept;
    String revoked;
    String id;
    try (GatewayProcess gateway = start()) {
      gateway.adminSend("PUT", "/admin/v1/tenants/small", TENANT);
      gateway.adminSend("PUT", "/admin/v1/tenants/other", "{}");
      gateway.adminSend("PUT", "/admin/v1/slo-classes/live", "{\"ttft_ms\":100}");
      gateway.adminSend("PUT", "/admin/v1/slo-classes/other", "{\"ttft_ms\":100}");
      gateway.adminSend("PUT", "/admin/v1/splits/both", "{\"targets\":[{\"model\":\"m\"}]}");
      gateway.adminSend("DELETE", "/admin/v1/tenants/other", "");
      gateway.adminSend("DELETE", "/admin/v1/slo-classes/other", "");
      gateway.adminPost("/admin/v1/replicas/u0/weight", "{\"weight\":0.25}");
      JsonNode key = gateway.adminPost("/admin/v1/keys", "{\"name\":\"old\"}");
      revoked = key.path("key").asText();
      id = key.path("id").asText();
      kept = created(gateway, "{\"name\":\"app\",\"tenant\":\"small\"}");
      assertEquals(200, ask(gateway, kept));
      assertEquals(429, ask(gateway, kept));
      JsonNode _ = changeAndKill(gateway, "DELETE", "/admin/v1/keys/" + id, "");
    }
    try (GatewayProcess gateway = start()) {
      assertEquals(401, ask(gateway, revoked));
      assertEquals(429, ask(gateway, kept), "a used-up quota began anew");
      assertEquals(1, gateway.admin("/admin/v1/tenants").path("tenants").size());
      String classes = gateway.admin("/admin/v1/slo-classes").toString();
      assertTrue(classes.contains("\"live\"") && !classes.contains("\"other\""), classes);
      assertTrue(gateway.admin("/admin/v1/splits").toString().contains("\"both\""));
      assertEquals(0.25, gateway.admin("/admin/v1/replicas/u0").path("weight").asDouble());
      assertEquals(11, gateway.admin("/admin/v1/audit").path("audit").size());
      JsonNode _ = changeAndKill(gateway, "POST", "/admin/v1/replicas/u0/cordon", "");
    }
    try (GatewayProcess gateway = start()) {
      JsonNode replica = gateway.admin("/admin/v1/replicas/u0");
      assertTrue(replica.path("cordoned").asBoolean());
      gateway.awaitState("u0", "CORDONED");
      String port = Integer.toString(gateway.api("").getPort());
      try (GatewayProcess next = start("--port", port, "--take-over")) {
        next.awaitState("u0", "CORDONED");
        assertEquals(0.25, next.admin("/admin/v1/replicas/u0").path("weight").asDouble());
      }
      JsonNode _ = changeAndKill(gateway, "POST", "/admin/v1/replicas/u0/uncordon", "");
    }
    try (GatewayProcess gateway = start()) {
      gateway.awaitState("u0", "READY");
      assertFalse(gateway.admin("/admin/v1/replicas/u0").path("cordoned").asBoolean());
    }
  }

  /** Whoever takes away keys that nobody uses goes by it. */
  @Test
  void whenAKeyWasUsedOutlivesAStop() throws Exception {
    try (GatewayProcess gateway = start()) {
      assertEquals(200, ask(gateway, created(gateway, "{\"name\":\"app\"}")));
      GatewayProcess.signal("-TERM", gateway.process().pid());
      assertTrue(gateway.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    }

    try (GatewayProcess gateway = start()) {
      JsonNode key = gateway.admin("/admin/v1/keys").at("/keys/0");
      assertTrue(key.path("last_used").isTextual(), key::toString);
    }
  }

  private static String created(GatewayProcess gateway, String key) throws Exception {
    return gateway.adminPost("/admin/v1/keys", key).path("key").asText();
  }

  @Test
  void usageThatWasShownOutlivesAKill() throws Exception {
    usageOutlivesAKill(3, DurabilityIT::shown);
  }

  @Test
  void soItDoesInAPostgreSql() throws Exception {
    try (PostgresServer server = new PostgresServer()) {
      database = "url: \"" + server.url() + "\", ";
      usageOutlivesAKill(3, DurabilityIT::shown);
    }
  }

  @Test
  @Tag("timing")
  void usageThatNobodyLookedAtOutlivesAKillButForItsLastSecond() throws Exception {
    usageOutlivesAKill(1, DurabilityIT::aSecondPasses);
  }

  @Test
  @Tag("timing")
  void soItDoesInAPostgreSqlToo() throws Exception {
    try (PostgresServer server = new PostgresServer()) {
      database = "url: \"" + server.url() + "\", ";
      usageOutlivesAKill(1, DurabilityIT::aSecondPasses);
    }
  }

  private void usageOutlivesAKill(int requests, Consumer<GatewayProcess> before) throws Exception {
    try (GatewayProcess gateway = start()) {
      String key = created(gateway, "{\"name\":\"app\",\"tenant\":\"used\"}");
      for (int i = 0; i < requests; i++) {
        assertEquals(200, ask(gateway, key));
      }
      before.accept(gateway);
      gateway.process().destroyForcibly().waitFor();
    }
    try (GatewayProcess gateway = start()) {
      JsonNode used = used(gateway);
      assertEquals(requests, used.path("requests").asInt(), used::toString);
      assertEquals(requests * 20, used.path("output_tokens").asInt(), used::toString);
    }
  }

  private static void shown(GatewayProcess gateway) {
    Await.until("its usage", () -> used(gateway), used -> used.path("requests").asInt() == 3);
  }

  private static void aSecondPasses(GatewayProcess gateway) {
    Stopwatch begun = Stopwatch.start();
    Await.until("the end of a pause", () -> begun.millis() >= LOST_MS);
  }

  /** All of the tenant's hours together. */
  private static JsonNode used(GatewayProcess gateway) throws Exception {
    ObjectNode sum = JSON.createObjectNode().put("requests", 0).put("output_tokens", 0);
    for (JsonNode hour : gateway.admin("/admin/v1/usage?tenant=used").path("usage")) {
      for (String name : List.of("requests", "output_tokens")) {
        sum.put(name, sum.path(name).asInt() + hour.path(name).asInt());
      }
    }
    return sum;
  }

  @Test
  void aFullDiskIsToldAndHeals() throws Exception {
    try (GatewayProcess gateway = start()) {
      String key = created(gateway, "{\"name\":\"app\"}");
      int tried = 0;
      limitFiles(gateway, Files.size(state.resolve("store/gateway.mv.db")));

      HttpResponse<String> refused = createKey(gateway, tried);
      while (refused.statusCode() == 201 && tried < 500) {
        tried++;
        refused = createKey(gateway, tried);
      }

      assertEquals(503, refused.statusCode());
      assertTrue(refused.body().contains("store_full"), refused.body());
      assertTrue(gateway.metrics().contains("switchboard_store_up 0.0"));
      HttpResponse<String> ready = gateway.admin("GET", "/readyz", "");
      assertEquals(200, ready.statusCode());
      assertTrue(ready.body().contains("\"store\":\"store_full\""), ready.body());
      assertEquals(200, ask(gateway, key));
      assertEquals(401, ask(gateway, "wrong"));

      limitFiles(gateway, -1);
      Await.until("the store", () -> gateway.metrics().contains("switchboard_store_up 1.0"));
      assertEquals(201, createKey(gateway, 1000).statusCode());
      int confirmed = tried + 2;
      gateway.process().destroyForcibly().waitFor();
      try (GatewayProcess again = start()) {
        JsonNode keys = again.admin("/admin/v1/keys?limit=1000").path("keys");
        assertEquals(confirmed, keys.size());
        assertEquals(200, ask(again, key));
      }
    }
  }

  private static String readiness(GatewayProcess gateway) throws Exception {
    return gateway.admin("GET", "/readyz", "").body();
  }

  private static HttpResponse<String> createKey(
      GatewayProcess gateway, int number, String... headers) throws Exception {
    return gateway.admin("POST", "/admin/v1/keys", "{\"name\":\"k" + number + "\"}", headers);
  }

  /** Lets no file of a process grow above a size, as a disk that is full does; −1 for any. */
  private static void limitFiles(GatewayProcess gateway, long bytes) throws Exception {
    Process limit =
        new ProcessBuilder(
                "prlimit",
                "--pid",
                Long.toString(gateway.process().pid()),
                "--fsize=" + (bytes < 0 ? "unlimited" : bytes) + ":")
            .inheritIO()
            .start();
    assertEquals(0, limit.waitFor());
  }

  @Test
  void aStoreThatVanishesOpensNothing() throws Exception {
    Path file = state.resolve("store/gateway.mv.db");
    try (GatewayProcess gateway = start()) {
      String key = created(gateway, "{\"name\":\"app\"}");
      String admin = created(gateway, "{\"name\":\"root\",\"role\":\"admin\"}");

      Files.delete(file);

      Await.until(
          "the store's loss",
          () -> readiness(gateway),
          body -> body.contains("\"store\":\"store_missing\""));
      HttpResponse<String> refused = createKey(gateway, 1, "Authorization", "Bearer " + admin);
      assertEquals(503, refused.statusCode());
      assertTrue(refused.body().contains("store_missing"), refused.body());
      assertEquals(401, createKey(gateway, 1).statusCode());
      assertEquals(401, gateway.admin("GET", "/admin/v1/keys", "").statusCode());
      assertEquals(200, ask(gateway, key));
      assertEquals(401, ask(gateway, "wrong"));
    }

    try (GatewayProcess refusing = unready()) {
      JsonNode failed = refusing.await(event -> event.path("event").asText().equals("failed"));
      assertTrue(failed.path("message").asText().contains("--accept-new-store"), failed::toString);
      assertTrue(refusing.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      assertNotEquals(0, refusing.process().exitValue());
      assertFalse(Files.exists(file));
    }

    try (GatewayProcess accepting = start("--accept-new-store")) {
      assertEquals(200, ask(accepting, "none"));
    }
  }

  @Test
  void aStartOnAFullDiskFailsBeforeWorkersAreStarted() throws Exception {
    Path config = state.resolve("switchboard.yaml");
    GatewayProcess.writeConfig(config, "");
    Process process = launched("--port", "0", "--admin-port", "0", "--config", config.toString());

    String said = printed(process);

    assertTrue(process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    assertEquals(1, process.exitValue());
    assertTrue(said.contains("\"event\":\"failed\""), said);
    assertTrue(said.contains("the disk of the database is full: " + state), said);
    assertFalse(said.contains("replica_state"), said);
  }

  /** A gateway whose files may not grow above two pages, with its log in its output. */
  private Process launched(String... arguments) throws IOException {
    List<String> command =
        List.of(
            "prlimit",
            "--fsize=8192:",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:-UsePerfData",
            "-XX:TieredStopAtLevel=1",
            "-Dswitchboard.home=" + GatewayProcess.home(),
            "-Dswitchboard.state=" + state,
            "-cp",
            StartupCache.classPath(),
            GatewayMain.class.getName());
    return new ProcessBuilder(Stream.concat(command.stream(), Stream.of(arguments)).toList())
        .redirectErrorStream(true)
        .start();
  }

  private static String printed(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }
}

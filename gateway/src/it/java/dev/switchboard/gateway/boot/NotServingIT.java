package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.tls.TestCertificate;
import dev.switchboard.testing.Await;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.PemKeyCertOptions;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** A gateway whose servers do not serve: it says so, says why, and serves what it can. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NotServingIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PAGE = "<html><body>It works</body></html>";

  private final Vertx vertx = Vertx.vertx();

  /** The reasons that are expected, by the models of the servers. */
  private final Map<String, String> reasons = new LinkedHashMap<>();

  private final StringBuilder upstreams = new StringBuilder("upstreams:\n");
  private ServerSocket silent;
  private FakeUpstream good;
  private FakeUpstream secure;
  private InProcessGateway gateway;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    silent = new ServerSocket(0);
    good = new FakeUpstream();
    TestCertificate root = TestCertificate.root("root", "EC");
    Path authorities = Files.writeString(folder.resolve("ca.pem"), root.pem());
    TestCertificate own = root.issue("127.0.0.1", "EC");
    secure = FakeUpstream.secure(own);
    add("refused", "http://127.0.0.1:1", "", "connection refused");
    add("silent", url(silent.getLocalPort()), "", "timeout: no answer in time");
    add("dns", "http://nowhere.invalid", "", "DNS: no address is known for nowhere.invalid");
    add("socket", "http://x", ", socket: /none", "connection refused: there is no such socket");
    add(
        "ca",
        secure.url().toString(),
        "",
        "TLS: its certificate leads to no authority that is trusted (tls-ca-file)");
    add(
        "name",
        "https://127.0.0.2:" + elsewhere(own),
        ", tls-ca-file: \"" + authorities + "\"",
        "TLS: its certificate is not for the name 127.0.0.2");
    add("clear", "https://127.0.0.1:" + good.url().getPort(), "", "TLS: it does not speak TLS");
    badAnswers();
    upstreams.append("  - {url: \"").append(good.url()).append("/v1/\", models: [m]}\n");
    int bare =
        listen(
            vertx
                .createHttpServer()
                .requestHandler(request -> request.response().setStatusCode(404).end("{}")),
            "127.0.0.1");
    upstreams
        .append("  - {url: \"")
        .append(url(bare))
        .append("\", models: [unchecked], check-models: false}\n");
    gateway = InProcessGateway.started("workers: {state-timeout-ms: 3000}\n" + upstreams);
  }

  private void badAnswers() throws Exception {
    answers(
        "page",
        request -> request.response().putHeader("Content-Type", "text/html").end(PAGE),
        "GET /v1/models answered no JSON object but text/html");
    answers("empty", request -> request.response().end(), "GET /v1/models answered no JSON object");
    answers(
        "cut", request -> request.response().end("{\"data\":"), "GET /v1/models answered no JSON");
    answers(
        "moved",
        request -> request.response().setStatusCode(302).putHeader("Location", "/login").end(),
        "GET /v1/models answered status 302, a redirect to /login");
    answers(
        "key",
        request -> request.response().setStatusCode(401).end("{\"error\":\"sk-secret is wrong\"}"),
        "it refused the gateway's key (status 401)");
    answers(
        "absent",
        request -> request.response().setStatusCode(404).end(PAGE),
        "GET /v1/models answered status 404 and no JSON");
    answers(
        "elsewhere",
        request -> request.response().end("{\"data\":[{\"id\":\"elsewhere-8b\"}]}"),
        "GET /v1/models does not list elsewhere (it lists elsewhere-8b): set models or model-names,"
            + " or check-models: false");
    answers(
        "listless",
        request -> request.response().setStatusCode(404).end("{}"),
        "GET /v1/models answered status 404: is url the base of an OpenAI API?");
    answers(
        "counted",
        request -> request.response().setStatusCode(429).end("{}"),
        "GET /v1/models answered status 429");
    answers(
        "broken",
        request -> request.response().setStatusCode(503).end(),
        "GET /v1/models answered status 503");
    answers(
        "closed",
        request -> request.connection().close(),
        "the connection was closed without an answer");
  }

  @AfterAll
  void stop() throws Exception {
    gateway.close();
    secure.close();
    good.close();
    silent.close();
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  private static String url(int port) {
    return "http://127.0.0.1:" + port;
  }

  private void add(String model, String url, String more, String reason) {
    reasons.put(model, reason);
    upstreams.append("  - {url: \"").append(url).append("\"").append(more);
    upstreams.append(", models: [").append(model).append("]}\n");
  }

  private void answers(String model, Consumer<HttpServerRequest> script, String reason)
      throws Exception {
    int port = listen(vertx.createHttpServer().requestHandler(script::accept), "127.0.0.1");
    add(model, url(port), "", reason);
  }

  /** The port of a server at another address than its certificate is for. */
  private int elsewhere(TestCertificate own) throws Exception {
    HttpServerOptions options =
        new HttpServerOptions()
            .setSsl(true)
            .setKeyCertOptions(
                new PemKeyCertOptions()
                    .addCertValue(Buffer.buffer(own.pem()))
                    .addKeyValue(Buffer.buffer(own.keyPem())));
    return listen(vertx.createHttpServer(options).requestHandler(request -> {}), "127.0.0.2");
  }

  private static int listen(HttpServer server, String host) throws Exception {
    return server.listen(0, host).toCompletionStage().toCompletableFuture().get().actualPort();
  }

  private JsonNode replica(String model) throws Exception {
    for (JsonNode each : gateway.adminJson("/admin/v1/replicas").path("replicas")) {
      if (each.path("model").asText().equals(model)) {
        return each;
      }
    }
    throw new AssertionError("no " + model);
  }

  private List<JsonNode> events(String name) throws Exception {
    List<JsonNode> found = new ArrayList<>();
    for (String line : gateway.events().lines().toList()) {
      JsonNode event = JSON.readTree(line);
      if (event.path("event").asText().equals(name)) {
        found.add(event);
      }
    }
    return found;
  }

  @Test
  void itIsReadyWhenEachServerWasAskedOnceAndSaysWhichDoNotServeAndWhy() throws Exception {
    Await.until("ready", gateway::events, told -> told.contains("\"event\":\"ready\""));

    Map<String, String> told = new LinkedHashMap<>();
    for (JsonNode event : events("not_serving")) {
      String replica = event.path("replica").asText();
      JsonNode shown = gateway.adminJson("/admin/v1/replicas/" + replica);
      assertEquals("WARMING", shown.path("state").asText(), replica);
      assertEquals(shown.path("reason").asText(), event.path("message").asText());
      told.put(shown.path("model").asText(), event.path("message").asText());
    }
    assertEquals(reasons.keySet(), told.keySet());
    reasons.forEach((model, reason) -> assertStarts(reason, String.valueOf(told.get(model))));
    JsonNode ready = events("ready").getFirst();
    assertTrue(ready.path("serves").asBoolean(), ready::toString);
    assertEquals("m", ready.path("model").asText());
    assertFalse(gateway.events().contains("sk-secret"));
  }

  @Test
  void whereNothingServesItListensAndSaysSo() throws Exception {
    String dead = "upstreams: [{url: \"http://127.0.0.1:1\", models: [m]}]";
    try (InProcessGateway alone = InProcessGateway.started(dead)) {
      Await.until("ready", alone::events, told -> told.contains("\"event\":\"ready\""));

      assertTrue(alone.events().contains("\"serves\":false"), alone::events);
      assertTrue(alone.events().contains("\"not_serving\""), alone::events);
      assertEquals(503, alone.get(alone.api("/readyz")).statusCode());
      assertEquals(
          503, alone.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode());
    }
  }

  private static void assertStarts(String expected, String actual) {
    assertTrue(actual.startsWith(expected), actual);
  }

  @Test
  void whatServesServes() throws Exception {
    good.script((request, body) -> request.response().end("{\"choices\":[]}"));
    Await.until("ready", gateway::events, told -> told.contains("\"event\":\"ready\""));

    assertEquals(
        200, gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode());
    assertEquals("READY", replica("m").path("state").asText());
  }
}

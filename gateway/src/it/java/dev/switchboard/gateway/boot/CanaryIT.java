package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.trace.v1.Span;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * Words that can be told apart from all others go through a real gateway as prompts, keys and
 * answers, in requests that end in every way; afterwards they stand nowhere but where a tenant
 * allowed it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.MethodName.class)
class CanaryIT {
  private static final String PROMPT = "zebrafishprompt7341";
  private static final String ANSWER = "walrusanswer9152";
  private static final String KEY = "sb-okapikey6203";
  private static final String WRONG_KEY = "sb-ibexkey8870";
  private static final String OPEN_KEY = "sb-tapirkey1146";
  private static final String OPEN_PROMPT = "mantisprompt5528";
  private static final String OPEN_ANSWER = "dugonganswer3917";
  private static final String STOP = "narwhalstop4471";
  private static final String OPEN_STOP = "quokkastop6093";
  private static final List<String> SECRETS =
      List.of(PROMPT, ANSWER, STOP, KEY, WRONG_KEY, OPEN_KEY);
  private static final List<String> CONTENT =
      List.of("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.request.stop_sequences");
  private static final String CHAT = "/v1/chat/completions";

  @TempDir private static @Nullable Path folder;

  private OtlpReceiver collector;
  private FakeUpstream foreign;
  private GatewayProcess gateway;
  private Path log;

  @BeforeAll
  void start() throws Exception {
    collector = new OtlpReceiver();
    foreign = new FakeUpstream();
    answers(0);
    Path home = GatewayProcess.home();
    Path here = Path.of(String.valueOf(folder));
    log = here.resolve("gateway.log");
    Path config = here.resolve("switchboard.yaml");
    Files.writeString(
        config,
        """
        models: [{file: MODEL, workers: 2}]
        workers: {arguments: [--allow-fault-injection]}
        upstreams: [{url: "URL", models: [foreign]}]
        retry: {attempts: 1}
        auth: {keys: [{name: a, sha256: AAA}, {name: b, tenant: open, sha256: BBB}]}
        telemetry: {trace-level: 3}
        """
            .replace("MODEL", home + "/native-engine/demo-model/switchboard-demo.gguf")
            .replace("URL", foreign.url().toString())
            .replace("AAA", sha256(KEY))
            .replace("BBB", sha256(OPEN_KEY)));
    gateway =
        GatewayProcess.startLogging(
                log, GatewayProcess.underAgent(collector), "--config", config.toString())
            .awaitReady();
  }

  private static String sha256(String key) throws Exception {
    byte[] bytes = key.getBytes(StandardCharsets.UTF_8);
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @AfterAll
  void stop() {
    gateway.close();
    foreign.close();
    collector.close();
  }

  /** The first by name, so that no other request has told anything. */
  @Test
  void aWhatIsSaidStandsNowhere() throws Exception {
    Map<String, String> told = new TreeMap<>();
    answers(0);
    assertEquals(200, ask(KEY).statusCode());
    assertEquals(200, send(KEY, stopping(body("foreign", PROMPT, true), STOP)).statusCode());
    assertEquals(200, ask(KEY, "X-SLO-TTFT-Ms", "1").statusCode());
    answers(60);
    assertEquals(200, ask(KEY, "X-SLO-TTFT-Ms", "20").statusCode());
    told.put("deadline", refused(504, ask(KEY, "X-SLO-Deadline-Ms", "30")));
    foreign.script((request, body) -> request.connection().close());
    told.put("failed", refused(502, ask(KEY)));
    foreign.script((request, body) -> request.response().setStatusCode(429).end("{\"error\":{}}"));
    assertEquals(429, ask(KEY).statusCode());
    told.put("key", refused(401, ask(WRONG_KEY)));
    told.put("header", refused(400, ask(KEY, "X-Switchboard-Trace", PROMPT)));
    told.put("model", refused(404, send(KEY, body("nobody", PROMPT, true))));
    String field = "{\"model\":\"foreign\",\"" + "temperature\":\"" + PROMPT + "\"}";
    told.put("field", refused(400, send(KEY, field)));
    told.put("json", refused(400, send(KEY, "{\"model\":\"foreign\", " + PROMPT)));
    everyOtherEndpoint();
    moved();

    everything(told);
    CONTENT.forEach(attribute -> assertFalse(hasAny(attribute), attribute));
    for (String endpoint : List.of("chat", "text_completion", "embeddings", "rerank")) {
      assertTrue(told.getOrDefault("spans", "").contains(endpoint + " foreign"), endpoint);
    }
    assertTrue(told.getOrDefault("log", "").contains("request_end"));
    assertTrue(told.getOrDefault("listener", "").contains("drain"), told.get("listener"));
    for (Map.Entry<String, String> place : told.entrySet()) {
      for (String secret : SECRETS) {
        assertFalse(place.getValue().contains(secret), place.getKey() + " tells " + secret);
      }
    }
  }

  @Test
  void bATenantMayHaveItInItsTracesAndOnlyThere() throws Exception {
    String tenant = "/admin/v1/tenants/open";
    assertEquals(200, admin("PUT", tenant, "{\"trace_content_bytes\":64}").statusCode());
    answers(0);
    String stops = stopping(body("foreign", OPEN_PROMPT, true), OPEN_STOP);
    assertEquals(200, send(OPEN_KEY, stops).statusCode());
    String longer = OPEN_PROMPT + "é".repeat(100);
    assertEquals(200, send(OPEN_KEY, body("foreign", longer, false)).statusCode());
    Await.until("both answers' spans", () -> contents("gen_ai.output.messages").size() == 2);

    String input = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"%s\"}]}]";
    String output = input.replace("user", "assistant");
    String cut = OPEN_PROMPT + "é".repeat((64 - OPEN_PROMPT.length()) / 2) + "…";
    assertEquals(
        List.of(input.formatted(OPEN_PROMPT), input.formatted(cut)),
        contents("gen_ai.input.messages"));
    assertEquals(
        List.of(output.formatted(OPEN_ANSWER), output.formatted(OPEN_ANSWER)),
        contents("gen_ai.output.messages"));
    assertEquals(List.of(OPEN_STOP), listed("gen_ai.request.stop_sequences"));
    Map<String, String> told = new TreeMap<>();
    everything(told);
    for (Map.Entry<String, String> place : told.entrySet()) {
      for (String secret : List.of(OPEN_PROMPT, OPEN_ANSWER, OPEN_STOP, OPEN_KEY)) {
        assertFalse(place.getValue().contains(secret), place.getKey() + " tells " + secret);
      }
    }

    assertEquals(200, admin("DELETE", tenant, "").statusCode());
    assertEquals(200, send(OPEN_KEY, stops).statusCode());
    String failed = refused(401, ask(WRONG_KEY));
    assertFalse(failed.isEmpty());
    gateway.admin("/admin/v1/requests");
    assertEquals(2, contents("gen_ai.input.messages").size());
    assertEquals(1, listed("gen_ai.request.stop_sequences").size());
  }

  @Test
  void cAWrongNumberOfBytesIsRefused() throws Exception {
    HttpResponse<String> refused =
        admin("PUT", "/admin/v1/tenants/open", "{\"trace_content_bytes\":65537}");

    assertEquals(400, refused.statusCode());
    assertTrue(refused.body().contains("\"param\":\"trace_content_bytes\""), refused.body());
  }

  // ---- requests

  /** Says the answer that belongs to the prompt. */
  private void answers(int delayMs) {
    foreign.script(
        (request, body) -> {
          String answer = body.toString().contains(OPEN_PROMPT) ? OPEN_ANSWER : ANSWER;
          Runnable send =
              () -> {
                if (body.toString().contains("\"stream\":true")) {
                  FakeUpstream.events(request)
                      .end(FakeUpstream.content(answer) + FakeUpstream.done());
                } else {
                  request
                      .response()
                      .putHeader("Content-Type", "application/json")
                      .end("{\"choices\":[{\"message\":{\"content\":\"" + answer + "\"}}]}");
                }
              };
          foreign.vertx().setTimer(Math.max(1, delayMs), late -> send.run());
        });
  }

  private HttpResponse<String> ask(String key, String... headers) throws Exception {
    return send(key, body("foreign", PROMPT, true), headers);
  }

  private HttpResponse<String> send(String key, String body, String... headers) throws Exception {
    return sendTo(CHAT, key, body, headers);
  }

  private HttpResponse<String> sendTo(String path, String key, String body, String... headers)
      throws Exception {
    List<String> all = new ArrayList<>(List.of(headers));
    all.addAll(List.of("Authorization", "Bearer " + key));
    return gateway.post(gateway.api(path), body, all.toArray(String[]::new));
  }

  /** Says the prompt at each of them, and once more in a chat, in what a function is for. */
  private void everyOtherEndpoint() throws Exception {
    answers(0);
    Map<String, String> bodies =
        Map.of(
            "/v1/completions",
            "\"prompt\":\"" + PROMPT + "\"",
            "/v1/embeddings",
            "\"input\":\"" + PROMPT + "\"",
            "/v1/rerank",
            "\"query\":\"" + PROMPT + "\",\"documents\":[\"" + PROMPT + "\"]",
            "/tokenize",
            "\"prompt\":\"" + PROMPT + "\"",
            CHAT,
            "\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"tools\":[{\"type\":\"function\","
                + "\"function\":{\"name\":\"f\",\"description\":\""
                + PROMPT
                + "\"}}]");
    for (Map.Entry<String, String> each : bodies.entrySet()) {
      String body = "{\"model\":\"foreign\"," + each.getValue() + "}";
      HttpResponse<String> answer = sendTo(each.getKey(), KEY, body);
      assertEquals(200, answer.statusCode(), () -> each.getKey() + ": " + answer.body());
    }
  }

  private static String refused(int status, HttpResponse<String> answer) {
    assertEquals(status, answer.statusCode(), answer.body());
    return answer.body();
  }

  private static String body(String model, String prompt, boolean stream) {
    return "{\"model\":\""
        + model
        + "\",\"max_tokens\":100,\"ignore_eos\":true,\"stream\":"
        + stream
        + ",\"messages\":[{\"role\":\"user\",\"content\":\""
        + prompt
        + "\"}]}";
  }

  private static String stopping(String body, String stop) {
    return body.replaceFirst("\\{", "{\"stop\":[\"" + stop + "\"],");
  }

  /** A stream that a drain takes to another worker. */
  private void moved() throws Exception {
    gateway.slow("w0", 100);
    gateway.slow("w1", 100);
    StreamClient stream =
        StreamClient.open(
            gateway,
            CHAT,
            body(GatewayProcess.MODEL, PROMPT, true),
            "Authorization",
            "Bearer " + KEY);
    stream.awaitEvents(10);
    gateway.adminPost("/admin/v1/replicas/" + stream.replica() + "/drain", "{\"grace_ms\":0}");
    gateway.slow(stream.replica().equals("w0") ? "w1" : "w0", 0);
    stream.rest();
    Await.until(
        "its record",
        () -> gateway.admin("/admin/v1/requests/" + stream.id()),
        told -> told.path("migrations").asInt() == 1);
  }

  // ---- what can be seen

  /** Everything that anybody but the client gets to see, by where. */
  private void everything(Map<String, String> told) throws Exception {
    for (String path :
        List.of(
            "replicas",
            "models",
            "requests?limit=1000",
            "keys",
            "tenants",
            "slo-classes",
            "splits",
            "drills",
            "config",
            "usage",
            "audit",
            "trace-levels")) {
      told.put(path, admin("GET", "/admin/v1/" + path, null).body());
    }
    for (JsonNode request : gateway.admin("/admin/v1/requests?limit=1000").path("requests")) {
      String path = "/admin/v1/requests/" + request.path("id").asText();
      told.put(path, admin("GET", path + "/timeline", null).body());
      told.put(path + "p", admin("GET", path + "/perfetto", null).body());
    }
    told.put("metrics", gateway.metrics());
    told.put("exemplars", openMetrics());
    // The last request's spans are there when those of one that came after it are.
    String last = "9cf92f3577b34da6a3ce929d0e0e4739";
    foreign.script((request, body) -> request.response().end("{\"choices\":[]}"));
    send(KEY, body("foreign", "x", false), "traceparent", "00-" + last + "-00f067aa0ba902b7-01");
    Await.until(
        "the last request's spans",
        () -> collector.trace(last).stream().anyMatch(each -> each.getName().startsWith("POST")));
    told.put("spans", spans());
    told.put("log", Files.readString(log));
    told.put("events", gateway.printed());
    told.put("listener", heard());
  }

  /** All that a listener to events gets, up to one that only this knows. */
  private String heard() throws Exception {
    String last = "tenant-" + UUID.randomUUID();
    assertEquals(200, admin("PUT", "/admin/v1/tenants/" + last, "{}").statusCode());
    URI uri = gateway.adminUri("/admin/v1/events");
    try (EventReader events = EventReader.of(gateway.client(), uri, "Last-Event-ID", "0")) {
      return events.until(event -> event.data().toString().contains(last)).toString();
    }
  }

  private String openMetrics() throws Exception {
    return gateway
        .client()
        .send(
            HttpRequest.newBuilder(gateway.adminUri("/metrics"))
                .header("Accept", "application/openmetrics-text; version=1.0.0")
                .build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  private HttpResponse<String> admin(String method, String path, @Nullable String body)
      throws Exception {
    URI uri = gateway.adminUri(path);
    HttpRequest.BodyPublisher sent =
        body == null
            ? HttpRequest.BodyPublishers.noBody()
            : HttpRequest.BodyPublishers.ofString(body);
    return gateway
        .client()
        .send(
            HttpRequest.newBuilder(uri)
                .header("Content-Type", "application/json")
                .method(method, sent)
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }

  /** All spans as text, without the attributes that may tell. */
  private String spans() {
    StringBuilder text = new StringBuilder();
    for (Span span : collector.all()) {
      Span.Builder rest = span.toBuilder().clearAttributes();
      span.getAttributesList().stream()
          .filter(each -> !CONTENT.contains(each.getKey()))
          .forEach(rest::addAttributes);
      text.append(rest.build());
    }
    return text.toString();
  }

  private boolean hasAny(String attribute) {
    return collector.all().stream()
        .flatMap(span -> span.getAttributesList().stream())
        .anyMatch(each -> each.getKey().equals(attribute));
  }

  /** The texts of an attribute that is a list, of all spans. */
  private List<String> listed(String attribute) {
    return collector.all().stream()
        .flatMap(span -> span.getAttributesList().stream())
        .filter(each -> each.getKey().equals(attribute))
        .flatMap(each -> each.getValue().getArrayValue().getValuesList().stream())
        .map(AnyValue::getStringValue)
        .toList();
  }

  private List<String> contents(String attribute) {
    return collector.all().stream()
        .map(span -> OtlpReceiver.attribute(span, attribute))
        .filter(value -> !value.isEmpty())
        .toList();
  }
}

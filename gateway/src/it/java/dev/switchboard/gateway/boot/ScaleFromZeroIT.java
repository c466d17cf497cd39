package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A model that has no replica until somebody starts one, which here is the test. */
class ScaleFromZeroIT {
  private static final String ZERO = "models: [{model: m, min: 0, max: 3}], start-seconds: 30";

  private InProcessGateway gateway;
  private FakeUpstream server;

  @BeforeEach
  void start() throws Exception {
    server = new FakeUpstream();
    server.script((request, body) -> request.response().end("{\"choices\":[]}"));
    gateway =
        InProcessGateway.started(
            "autoscaling: {" + ZERO + ", hold-requests: 3, hold-bytes: 4096, hold-ms: 600000}");
  }

  @AfterEach
  void stop() throws Exception {
    gateway.close();
    server.close();
  }

  private CompletableFuture<HttpResponse<String>> ask() {
    HttpRequest request =
        HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
            .header("Content-Type", "application/json")
            .header("X-Switchboard-Timeline", "summary")
            .POST(HttpRequest.BodyPublishers.ofString(InProcessGateway.chat(false)))
            .build();
    return gateway.client().sendAsync(request, BodyHandlers.ofString());
  }

  private JsonNode scaling() throws Exception {
    return gateway.adminJson("/admin/v1/autoscaling/m");
  }

  private double metric(String series) throws Exception {
    return gateway.metric(series);
  }

  private void awaitHeld(int count) {
    Await.until(
        "held requests",
        () -> metric("switchboard_held_requests{model=\"m\"}"),
        held -> held == count);
  }

  private void startReplica() throws Exception {
    gateway.rewrite("upstreams: [{url: \"" + server.url() + "\", models: [m], engine: vllm}]");
    gateway.adminBody("/admin/v1/config/reload", "{}");
  }

  @Test
  void requestsWaitForTheFirstReplicaWhichIsDesiredAtOnce() throws Exception {
    JsonNode before = scaling();
    int ready = gateway.get(gateway.api("/readyz")).statusCode();
    List<CompletableFuture<HttpResponse<String>>> held = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      held.add(ask());
    }
    awaitHeld(3);
    Await.until("desired", this::scaling, now -> now.path("desired").asInt() == 1);
    HttpResponse<String> oneTooMany = ask().join();
    startReplica();

    for (CompletableFuture<HttpResponse<String>> each : held) {
      HttpResponse<String> answer = each.join();
      assertEquals(200, answer.statusCode(), answer::body);
      JsonNode phases =
          gateway
              .timeline(answer.headers().firstValue("X-Request-Id").orElseThrow())
              .path("phases");
      assertTrue(phases.toString().contains("replica_wait"), phases::toString);
    }
    assertEquals(0, before.path("desired").asInt());
    assertEquals(200, ready);
    assertEquals(503, oneTooMany.statusCode());
    assertEquals(
        "replica_wait_full", oneTooMany.headers().firstValue("X-Switchboard-Reason").orElse(""));
    int retry = Integer.parseInt(oneTooMany.headers().firstValue("Retry-After").orElse("0"));
    // What a start takes, less what has passed, and spread by up to a half.
    assertTrue(retry >= 20 && retry <= 46, () -> "Retry-After: " + retry);
    assertEquals(1, metric("switchboard_desired_replicas{model=\"m\"}"));
    assertEquals(0, metric("switchboard_held_requests{model=\"m\"}"));
  }

  @Test
  void whoWaitsForAModelThatAReloadTakesAwayIsToldSoAtOnce() throws Exception {
    CompletableFuture<HttpResponse<String>> held = ask();
    awaitHeld(1);
    gateway.rewrite("autoscaling: {models: [{model: other, min: 0}]}");
    gateway.adminBody("/admin/v1/config/reload", "{}");

    HttpResponse<String> answer = held.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);

    assertEquals(404, answer.statusCode(), answer::body);
    assertTrue(answer.body().contains("\"code\":\"model_not_found\""), answer::body);
    JsonNode record = gateway.timeline(answer.headers().firstValue("X-Request-Id").orElseThrow());
    assertTrue(record.path("phases").toString().contains("replica_wait"), record::toString);
    Await.until("no series of it", () -> !metrics().contains("model=\"m\""));
  }

  private String metrics() throws Exception {
    return gateway.get(gateway.admin("/metrics")).body();
  }

  @Test
  void whatTakesTooMuchMemoryIsNotHeld() throws Exception {
    String large =
        InProcessGateway.chat(false).replace("\"content\":\"", "\"content\":\"" + "x".repeat(5000));

    HttpResponse<String> refused = gateway.post(InProcessGateway.CHAT, large);

    assertEquals(503, refused.statusCode(), refused::body);
    assertTrue(refused.body().contains("no_replica_ready"), refused::body);
  }

  @Test
  void whoWaitedAsLongAsItMayIsToldWhenToComeAgain() throws Exception {
    gateway.rewrite("autoscaling: {" + ZERO + ", hold-ms: 300}");
    gateway.adminBody("/admin/v1/config/reload", "{}");
    // In force with the next look; whoever asks before it waits as long as was said before.
    Await.until("the reason", () -> reason(answeredSoon()), "replica_wait_timeout"::equals);

    HttpResponse<String> answer = ask().join();

    assertEquals(503, answer.statusCode());
    assertTrue(answer.headers().firstValue("Retry-After").isPresent());
  }

  /** An answer that comes within a second; nothing where its client left instead. */
  private Optional<HttpResponse<String>> answeredSoon() throws Exception {
    CompletableFuture<HttpResponse<String>> asked = ask();
    try {
      return Optional.of(asked.get(1, TimeUnit.SECONDS));
    } catch (TimeoutException late) {
      asked.cancel(true);
      return Optional.empty();
    }
  }

  private static String reason(Optional<HttpResponse<String>> answer) {
    return answer.flatMap(each -> each.headers().firstValue("X-Switchboard-Reason")).orElse("");
  }
}

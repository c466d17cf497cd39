package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The queue, its refusals, deadlines and tenants' limits, before a server that answers when told.
 */
class AdmissionIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ONE_PLACE = "admission: {replica-concurrency: 1}";
  private static final int SERVED = 20;
  private static final int SERVED_MS = 50;
  private static final String DEPTH = "switchboard_queue_depth{band=\"normal\",model=\"m\"}";

  private final Queue<HttpServerRequest> held = new ConcurrentLinkedQueue<>();
  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script((request, body) -> held.add(request));
  }

  @AfterEach
  void stop() throws Exception {
    upstream.close();
  }

  private InProcessGateway gateway(String yaml) throws Exception {
    return InProcessGateway.before(yaml, upstream);
  }

  private static CompletableFuture<HttpResponse<String>> ask(
      InProcessGateway gateway, String... headers) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false), headers);
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        },
        task -> Thread.ofVirtual().start(task));
  }

  /** Waits until the server holds so many requests. */
  private void awaitHeld(int count) {
    Await.until("requests at the server", held::size, size -> size >= count);
  }

  private static void awaitDepth(InProcessGateway gateway, String series, int depth) {
    gateway.awaitMetric(series, depth);
  }

  private void answerOne() {
    HttpServerRequest request = held.remove();
    upstream.vertx().runOnContext(now -> answer(request));
  }

  private static void answer(HttpServerRequest request) {
    request
        .response()
        .end("{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":10}}");
  }

  private static JsonNode body(HttpResponse<String> answer) throws Exception {
    return JSON.readTree(answer.body());
  }

  private static String reason(HttpResponse<String> answer) {
    return answer.headers().firstValue("X-Switchboard-Reason").orElse("");
  }

  @Test
  void whatHasNoPlaceWaitsAndIsServedByPriority() throws Exception {
    try (InProcessGateway gateway = gateway(ONE_PLACE)) {
      var first = ask(gateway);
      awaitHeld(1);
      var batch = ask(gateway, "X-SLO-Class", "batch", "X-Request-Id", "batch");
      awaitDepth(gateway, "switchboard_queue_depth{band=\"sheddable\",model=\"m\"}", 1);
      var person = ask(gateway, "X-Priority", "80", "X-Request-Id", "person");
      awaitDepth(gateway, "switchboard_queue_depth{band=\"critical\",model=\"m\"}", 1);

      answerOne();
      awaitHeld(1);
      String second = held.element().getHeader("X-Request-Id");
      answerOne();
      awaitHeld(1);
      answerOne();

      assertEquals("person", second);
      assertEquals(200, first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(200, person.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      HttpResponse<String> last = batch.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      double queueMs = gateway.timeline("batch").path("phases").path("queue").asDouble(-1);
      assertEquals(200, last.statusCode());
      assertTrue(
          last.headers().firstValue("Server-Timing").orElse("").contains("queue;dur="),
          () -> last.headers().map() + " " + queueMs);
    }
  }

  /** The higher the sooner, in a header as in a body, and the views tell the number as it was. */
  @Test
  void aPriorityMeansTheSameWhereverItIsSaid() throws Exception {
    try (InProcessGateway gateway = gateway(ONE_PLACE)) {
      List<CompletableFuture<HttpResponse<String>>> asked = new ArrayList<>();
      asked.add(ask(gateway));
      awaitHeld(1);
      asked.add(prioritized(gateway, -20, "p-20"));
      awaitDepth(gateway, "switchboard_queue_depth{band=\"sheddable\",model=\"m\"}", 1);
      asked.add(ask(gateway, "X-Priority", "30", "X-Request-Id", "p30"));
      asked.add(prioritized(gateway, 80, "p80"));
      awaitDepth(gateway, "switchboard_queue_depth{band=\"critical\",model=\"m\"}", 1);
      awaitDepth(gateway, "switchboard_queue_depth{band=\"high\",model=\"m\"}", 1);

      List<String> served = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        answerOne();
        awaitHeld(1);
        served.add(held.element().getHeader("X-Request-Id"));
      }
      answerOne();

      assertEquals(List.of("p80", "p30", "p-20"), served);
      for (CompletableFuture<HttpResponse<String>> each : asked) {
        assertEquals(200, each.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      }
      for (String id : served) {
        assertEquals(
            Integer.parseInt(id.substring(1)),
            gateway.timeline(id).path("slo").path("priority").asInt());
      }
    }
  }

  private static CompletableFuture<HttpResponse<String>> prioritized(
      InProcessGateway gateway, int priority, String id) {
    String body =
        InProcessGateway.chat(false).replaceFirst("}$", ",\"priority\":" + priority + "}");
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return gateway.post(InProcessGateway.CHAT, body, "X-Request-Id", id);
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        },
        task -> Thread.ofVirtual().start(task));
  }

  @Test
  void nobodyIsMoreUrgentThanItsTenantMayBe() throws Exception {
    String yaml = ONE_PLACE + "\ntenants: [{name: default, max-priority: 0}]";
    try (InProcessGateway gateway = gateway(yaml)) {
      var first = ask(gateway);
      awaitHeld(1);

      var urgent = ask(gateway, "X-Priority", "100");
      awaitDepth(gateway, DEPTH, 1);
      String path = "/admin/v1/tenants/default";
      assertEquals(200, gateway.admin("PUT", path, "{\"max_priority\":-1}").statusCode());
      var stored = ask(gateway, "X-SLO-Class", "interactive");
      awaitDepth(gateway, "switchboard_queue_depth{band=\"sheddable\",model=\"m\"}", 1);

      for (var answer : List.of(first, urgent, stored)) {
        awaitHeld(1);
        answerOne();
        assertEquals(200, answer.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      }
    }
  }

  @Test
  void aFullQueueSaysWhichLimitFiredAndWhenToComeAgain() throws Exception {
    String yaml = "admission: {replica-concurrency: 1, queue-requests: 1}";
    try (InProcessGateway gateway = gateway(yaml)) {
      var first = ask(gateway);
      awaitHeld(1);
      var second = ask(gateway);
      awaitDepth(gateway, DEPTH, 1);

      HttpResponse<String> refused = ask(gateway).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      answerOne();
      awaitHeld(1);
      answerOne();

      assertEquals(429, refused.statusCode());
      assertEquals("queue_full", reason(refused));
      assertEquals("overloaded", body(refused).path("error").path("code").asText());
      JsonNode told = body(refused).path("switchboard");
      assertEquals("queue_full", told.path("reason").asText());
      assertEquals(2, told.path("queue_position").asInt());
      assertTrue(told.path("time_ms").has("total"), told::toString);
      assertTrue(refused.headers().firstValue("Retry-After").orElse("").matches("[12]"));
      assertEquals(200, first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(200, second.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(
          1,
          gateway.metric(
              "switchboard_admissions_total"
                  + "{class=\"standard\",model=\"m\",verdict=\"queue_full\"}"));
    }
  }

  @Test
  void aRefusalPredictsFromWhatWasServedAndIsAsDocumented() throws Exception {
    String yaml = "admission: {replica-concurrency: 1, queue-requests: 1}";
    try (InProcessGateway gateway = gateway(yaml)) {
      for (int i = 0; i < SERVED; i++) {
        var served = ask(gateway);
        awaitHeld(1);
        answerOne();
        assertEquals(200, served.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      }
      var first = ask(gateway);
      awaitHeld(1);
      var second = ask(gateway);
      awaitDepth(gateway, DEPTH, 1);

      HttpResponse<String> refused = ask(gateway).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      answerOne();
      awaitHeld(1);
      answerOne();

      JsonNode told = body(refused).path("switchboard");
      JsonNode wait = told.path("predicted_wait_ms");
      assertTrue(wait.path("p50").isIntegralNumber(), refused::body);
      assertTrue(wait.path("p90").asLong() >= wait.path("p50").asLong(), refused::body);
      assertTrue(told.path("predicted_ttft_ms").isIntegralNumber(), refused::body);
      assertEquals(header(refused, "Retry-After"), told.path("retry_after_s").asText());
      ApiDocument document = ApiDocument.at(gateway, gateway.api("/openapi.json"));
      assertEquals(List.of(), document.faults("Error", refused.body()));
      String renamed = refused.body().replace("predicted_ttft_ms", "predicted_ttft");
      assertFalse(document.faults("Error", renamed).isEmpty(), renamed);
      JsonNode reasons =
          document.root().at("/components/schemas/ErrorDetail/properties/reason/enum");
      assertEquals(
          Stream.concat(
                  Arrays.stream(Refusal.Reason.values()).map(Refusal.Reason::label),
                  Stream.of("insufficient_quota"))
              .collect(Collectors.toSet()),
          JSON.convertValue(reasons, Set.class));
      assertEquals(200, first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(200, second.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
    }
  }

  @Test
  void whoCannotHaveAFirstTokenInTimeIsToldTheNumbersThatSaySo() throws Exception {
    HandClock clock = new HandClock();
    try (InProcessGateway gateway = InProcessGateway.before(ONE_PLACE, clock, upstream)) {
      upstream.script(
          (request, body) -> {
            clock.passes(Duration.ofMillis(SERVED_MS));
            answer(request);
          });
      for (int i = 0; i < SERVED; i++) {
        assertEquals(200, ask(gateway).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      }
      upstream.script((request, body) -> held.add(request));
      var running = ask(gateway);
      awaitHeld(1);
      var waiting = ask(gateway);
      awaitDepth(gateway, DEPTH, 1);

      HttpResponse<String> refused =
          gateway.post(
              InProcessGateway.CHAT,
              InProcessGateway.chat(true),
              "X-SLO-TTFT-Ms",
              Integer.toString(SERVED_MS / 5));

      assertEquals(429, refused.statusCode());
      assertEquals("ttft_unreachable", reason(refused));
      JsonNode told = body(refused).path("switchboard");
      long left = told.path("left_ms").asLong(-1);
      assertEquals(SERVED_MS / 5, left, refused::body);
      long expected =
          told.at("/predicted_wait_ms/p50").asLong(-1) + told.path("predicted_ttft_ms").asLong(-1);
      assertTrue(expected > left, refused::body);
      assertTrue(told.at("/predicted_wait_ms/p50").asLong(-1) > SERVED_MS / 5, refused::body);
      answerOne();
      awaitHeld(1);
      answerOne();
      assertEquals(200, running.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(200, waiting.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
    }
  }

  @Test
  void aBurstIsRefusedAtOnce() throws Exception {
    String yaml = "admission: {replica-concurrency: 1, queue-requests: 2}";
    try (InProcessGateway gateway = gateway(yaml)) {
      List<CompletableFuture<HttpResponse<String>>> burst = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        burst.add(ask(gateway));
      }
      Await.until(
          "refusals",
          () -> burst.stream().filter(CompletableFuture::isDone).count(),
          done -> done == 297);

      // While nothing that was admitted is answered; within how long is for the benchmark to say.
      for (CompletableFuture<HttpResponse<String>> answer : burst) {
        if (answer.isDone()) {
          assertEquals(429, answer.get().statusCode());
          // All ask the same: a late one may have the turn that an early one was told.
          assertTrue(List.of("queue_full", "evicted").contains(reason(answer.get())));
        }
      }
      for (int i = 0; i < 3; i++) {
        awaitHeld(1);
        answerOne();
      }
    }
  }

  @Test
  void aHigherBandTakesThePlaceOfALowerOne() throws Exception {
    String yaml = "admission: {replica-concurrency: 1, queue-requests: 1}";
    try (InProcessGateway gateway = gateway(yaml)) {
      var first = ask(gateway);
      awaitHeld(1);
      var batch = ask(gateway, "X-Priority", "-1");
      awaitDepth(gateway, "switchboard_queue_depth{band=\"sheddable\",model=\"m\"}", 1);

      var person = ask(gateway, "X-Priority", "50");
      HttpResponse<String> evicted = batch.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      answerOne();
      awaitHeld(1);
      answerOne();

      assertEquals(429, evicted.statusCode());
      assertEquals("evicted", reason(evicted));
      assertEquals(200, first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(200, person.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
    }
  }

  @Test
  void aDeadlineThatPassesInTheQueueSaysWhereTheTimeWent() throws Exception {
    HandClock clock = new HandClock();
    try (InProcessGateway gateway = InProcessGateway.before(ONE_PLACE, clock, upstream)) {
      var first = ask(gateway);
      awaitHeld(1);

      var expires = ask(gateway, "X-SLO-Deadline-Ms", "30000");
      awaitDepth(gateway, DEPTH, 1);
      clock.passes(Duration.ofSeconds(30));
      HttpResponse<String> late = expires.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      answerOne();

      assertEquals(504, late.statusCode());
      assertEquals("deadline_exceeded", body(late).path("error").path("code").asText());
      JsonNode told = body(late).path("switchboard");
      assertEquals("deadline_passed_in_queue", told.path("reason").asText());
      // A clock that jumps looks like an event loop that did not run.
      double queue = told.at("/time_ms/queue").asDouble();
      double gatewayLate = told.at("/time_ms/gateway_late").asDouble();
      assertTrue(queue > 0, late::body);
      assertEquals(30_000, queue + gatewayLate, late::body);
      assertEquals(30_000, told.at("/time_ms/total").asDouble(), late::body);
      assertEquals(200, first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(1, upstream.seen.size());
    }
  }

  @Test
  void aDeadlineEndsARequestThatRunsAndAStream() throws Exception {
    try (InProcessGateway gateway = gateway("")) {
      HttpResponse<String> whole =
          ask(gateway, "X-SLO-Deadline-Ms", "1000").get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      upstream.script(
          (request, body) -> FakeUpstream.events(request).write(FakeUpstream.content("a")));
      HttpResponse<String> stream =
          gateway.post(
              InProcessGateway.CHAT, InProcessGateway.chat(true), "X-SLO-Deadline-Ms", "2000");

      assertEquals(504, whole.statusCode());
      assertEquals(200, stream.statusCode());
      assertTrue(stream.body().contains("deadline_exceeded"), stream::body);
      assertFalse(stream.body().contains("[DONE]"), stream::body);
      for (int i = 0; i < 2; i++) {
        assertEquals("closed", upstream.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      }
    }
  }

  @Test
  void aClientThatLeavesTheQueueTakesItsPlaceAlong() throws Exception {
    try (InProcessGateway gateway = gateway(ONE_PLACE)) {
      var first = ask(gateway);
      awaitHeld(1);
      List<HttpResponse<InputStream>> none = new ArrayList<>();
      Thread leaver =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      none.add(
                          gateway.open(
                              InProcessGateway.CHAT,
                              InProcessGateway.chat(true),
                              "X-Request-Id",
                              "gone"));
                    } catch (Exception left) {
                      none.clear();
                    }
                  });
      awaitDepth(gateway, DEPTH, 1);

      leaver.interrupt();
      awaitDepth(gateway, DEPTH, 0);
      answerOne();

      assertEquals(200, first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals("client_gone", gateway.timeline("gone").path("outcome").asText());
      assertEquals(1, upstream.seen.size());
      assertEquals(List.of(), none);
    }
  }

  @Test
  void aTenantsLimitIsToldOnEveryAnswer() throws Exception {
    String yaml = "tenants: [{name: default, requests-per-minute: 2, tokens-per-minute: 6000}]";
    upstream.script((request, body) -> answer(request));
    try (InProcessGateway gateway = InProcessGateway.before(yaml, new HandClock(), upstream)) {
      HttpResponse<String> first = ask(gateway).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      HttpResponse<String> second = ask(gateway).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      HttpResponse<String> third = ask(gateway).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);

      assertEquals(200, first.statusCode());
      assertEquals("2", header(first, "x-ratelimit-limit-requests"));
      assertEquals("1", header(first, "x-ratelimit-remaining-requests"));
      assertEquals("30s", header(first, "x-ratelimit-reset-requests"));
      assertEquals("6000", header(second, "x-ratelimit-limit-tokens"));
      int tokens = Integer.parseInt(header(second, "x-ratelimit-remaining-tokens"));
      assertTrue(tokens > 5600 && tokens < 5800, () -> "left: " + tokens);
      assertEquals(429, third.statusCode());
      assertEquals("rate_limit_exceeded", body(third).path("error").path("code").asText());
      assertEquals("tenant_requests_per_minute", reason(third));
      int seconds = Integer.parseInt(header(third, "Retry-After"));
      assertTrue(seconds >= 25 && seconds <= 45, () -> "Retry-After: " + seconds);
    }
  }

  @Test
  void aTenantHasSoManyRequestsAtOnce() throws Exception {
    String yaml = "tenants: [{name: default, max-concurrency: 1}]";
    try (InProcessGateway gateway = gateway(yaml)) {
      var first = ask(gateway);
      awaitHeld(1);

      HttpResponse<String> refused = ask(gateway).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      answerOne();
      HttpResponse<String> served = first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      var next = ask(gateway);
      awaitHeld(1);
      answerOne();

      assertTenantRefused("tenant_max_concurrency", refused);
      assertEquals("1", header(refused, "x-ratelimit-limit-concurrency"));
      assertEquals("0", header(refused, "x-ratelimit-remaining-concurrency"));
      assertEquals("0", header(served, "x-ratelimit-remaining-concurrency"));
      assertEquals(200, next.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
    }
  }

  @Test
  void aTenantUsesSoManyTokensAMinute() throws Exception {
    String yaml = "tenants: [{name: default, tokens-per-minute: 6}]";
    try (InProcessGateway gateway = InProcessGateway.before(yaml, new HandClock(), upstream)) {
      var first = ask(gateway);
      awaitHeld(1);
      answerOne();
      assertEquals(200, first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());

      HttpResponse<String> refused = ask(gateway).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);

      assertTenantRefused("tenant_tokens_per_minute", refused);
      assertEquals("6", header(refused, "x-ratelimit-limit-tokens"));
      assertEquals("0", header(refused, "x-ratelimit-remaining-tokens"));
      // Fifteen tokens were used, of six a minute.
      int seconds = Integer.parseInt(header(refused, "Retry-After"));
      assertTrue(seconds >= 90, () -> "Retry-After: " + seconds);
    }
  }

  private static void assertTenantRefused(String reason, HttpResponse<String> refused)
      throws Exception {
    assertEquals(429, refused.statusCode());
    assertEquals("rate_limit_exceeded", body(refused).path("error").path("code").asText());
    assertEquals(reason, reason(refused));
    JsonNode told = body(refused).path("switchboard");
    assertEquals(reason, told.path("reason").asText());
    assertEquals(header(refused, "Retry-After"), told.path("retry_after_s").asText());
    assertTrue(told.path("time_ms").has("total"), told::toString);
  }

  /** The class batch wants nothing of its own, so an objective is judged only if it was sent. */
  @ParameterizedTest
  @CsvSource({
    "X-SLO-TTFT-Ms, ttft, 1",
    "x-slo-ttft-ms, ttft, 1",
    "x-llm-d-slo-ttft-ms, ttft, 1",
    "X-SLO-TPOT-Ms, tpot, 0.001",
    "x-slo-tpot-ms, tpot, 0.001",
    "x-llm-d-slo-tpot-ms, tpot, 0.001"
  })
  void aTargetIsReadFromEachNameOfItsHeader(String header, String objective, String least)
      throws Exception {
    upstream.script(
        (request, body) ->
            upstream
                .vertx()
                .setTimer(
                    20,
                    later -> {
                      HttpServerResponse events = FakeUpstream.events(request);
                      events.write(FakeUpstream.content("a"));
                      upstream
                          .vertx()
                          .setTimer(
                              20,
                              end -> events.end(FakeUpstream.content("b") + "data: [DONE]\n\n"));
                    }));
    try (InProcessGateway gateway = gateway("")) {
      for (String target : List.of(least, "86400000")) {
        HttpResponse<String> answer =
            gateway.post(
                InProcessGateway.CHAT,
                InProcessGateway.chat(true),
                "X-SLO-Class",
                "batch",
                header,
                target);
        assertEquals(200, answer.statusCode());
      }
      HttpResponse<String> refused =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true), header, "none");

      for (String result : List.of("met", "missed")) {
        String series =
            "switchboard_slo_requests_total{class=\"batch\",model=\"m\",objective=\""
                + objective
                + "\",result=\""
                + result
                + "\"}";
        assertEquals(1, gateway.metric(series), result);
      }
      assertEquals(400, refused.statusCode());
      assertTrue(
          header.equalsIgnoreCase(body(refused).path("error").path("param").asText()),
          refused::body);
    }
  }

  private static String header(HttpResponse<String> answer, String name) {
    return answer.headers().firstValue(name).orElse("");
  }

  @Test
  void whatTheTokenizerAnswersNeedsNoPlace() throws Exception {
    try (InProcessGateway gateway = gateway(ONE_PLACE)) {
      var first = ask(gateway);
      awaitHeld(1);
      HttpServerRequest chat = held.remove();
      upstream.script((request, body) -> request.response().end("{\"tokens\":[1]}"));

      HttpResponse<String> tokens = gateway.post("/tokenize", "{\"model\":\"m\",\"prompt\":\"x\"}");
      held.add(chat);
      answerOne();

      assertEquals(200, tokens.statusCode());
      assertEquals(200, first.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
    }
  }
}

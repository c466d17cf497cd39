package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerRequest;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Requests whose first token is late, before two servers of which one keeps them waiting. */
class HedgeIT extends TwoUpstreams {
  private static final String HEDGED =
      """
      routing: {policy: round-robin}
      retry: {ratio: 0, reserve: 1, hedge: {classes: [interactive], after-ms: 40}}
      """;
  private static final int LESSONS = 40;
  private static final int PROMPT_TOKENS = 7;
  private static final String USAGE =
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}}\n\n";

  private final AtomicReference<HttpServerRequest> held = new AtomicReference<>();

  @Test
  void aLateRequestIsAnsweredByASecondReplicaAndTheFirstIsToldAtOnce() throws Exception {
    try (InProcessGateway gateway = learned(HEDGED)) {
      double requests = served(gateway);
      first.script((request, body) -> held.set(request));
      HttpResponse<String> answer = askFirst(gateway, "late");

      assertEquals(200, answer.statusCode());
      assertEquals("u1", answer.headers().firstValue("X-Switchboard-Replica").orElse(""));
      assertTrue(answer.body().endsWith(FakeUpstream.done()), answer::body);
      assertNotNull(
          first.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS), "the first was not told");
      JsonNode attempts = gateway.timeline("late").path("attempts");
      assertEquals(2, attempts.size(), attempts::toString);
      assertEquals("u0", attempts.path(0).path("replica").asText());
      assertFalse(attempts.path(0).has("hedge"));
      assertEquals("another replica answered first", attempts.path(0).path("error").asText());
      assertTrue(attempts.path(1).path("hedge").asBoolean(), attempts::toString);
      assertTrue(attempts.path(1).path("error").isNull(), attempts::toString);
      assertEquals(1, hedges(gateway, "won"));
      assertEquals(1, gateway.attempts("u0", "outrun"));
      assertEquals(1, served(gateway) - requests);
      assertEquals(0, gateway.metric("switchboard_replica_in_flight{replica=\"u0\"}"));
    }
  }

  @Test
  void whoAnswersSoonerSaysForWhichModelItStandsIn() throws Exception {
    String standsIn =
        """
        autoscaling: {models: [{model: gone, min: 0}]}
        routes: [{name: r, targets: [{model: gone}], fallbacks: [m]}]
        """;
    try (InProcessGateway gateway = learned(HEDGED + standsIn)) {
      first.script((request, body) -> held.set(request));
      HttpResponse<String> answer =
          gateway.post(
              InProcessGateway.CHAT,
              InProcessGateway.chat(true).replace("\"m\"", "\"r\""),
              "X-Request-Id",
              "late",
              "X-SLO-Class",
              "interactive");

      assertEquals("u1", answer.headers().firstValue("X-Switchboard-Replica").orElse(""));
      assertEquals(
          "gone->m no_replica",
          answer.headers().firstValue("X-Switchboard-Fallback").orElse("none"));
      assertEquals("no_replica", gateway.timeline("late").at("/route/fallback_reason").asText());
    }
  }

  @Test
  void tokensCountOnceAndWhatTheLoserDidIsCountedAsWasted() throws Exception {
    try (InProcessGateway gateway = learned(HEDGED)) {
      double before = prompts(gateway);
      first.script((request, body) -> held.set(request));
      askFirst(gateway, "late");
      JsonNode record = gateway.timeline("late");

      assertEquals(PROMPT_TOKENS, prompts(gateway) - before);
      assertEquals(PROMPT_TOKENS, record.path("prompt_tokens").asInt());
      assertTrue(
          gateway.metric("switchboard_wasted_tokens_total{cause=\"hedge\",model=\"m\"}") > 1);
      JsonNode phases = record.path("phases");
      double sum = 0;
      for (JsonNode phase : phases) {
        sum += phase.path("ms").asDouble();
      }
      assertEquals(record.path("wall_ms").asDouble(), sum, 0.01, record::toString);
      assertTrue(phases.toString().contains("\"retry\""), phases::toString);
    }
  }

  @Test
  void theFirstReplicaWinsWhereItsTokenComesSooner() throws Exception {
    try (InProcessGateway gateway = learned(HEDGED)) {
      first.script((request, body) -> held.set(request));
      // It has opened its answer, and said nothing.
      second.script((request, body) -> FakeUpstream.events(request).write(FakeUpstream.role()));
      CompletableFuture<HttpResponse<String>> asked = startFirst(gateway, "late");
      Await.until("the second copy", () -> second.seen.size() > lessons(second));
      answer(held.get());
      HttpResponse<String> answer = asked.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);

      assertEquals("u0", answer.headers().firstValue("X-Switchboard-Replica").orElse(""));
      assertTrue(answer.body().endsWith(FakeUpstream.done()), answer::body);
      assertNotNull(
          second.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS), "the second was not told");
      JsonNode timeline = gateway.timeline("late");
      assertEquals("u0", timeline.path("replica").asText());
      assertEquals("u0", timeline.path("route").path("chosen").asText(), timeline::toString);
      assertEquals(1, hedges(gateway, "lost"));
      assertEquals(1, gateway.attempts("u1", "outrun"));
    }
  }

  @Test
  void theSecondGoesOnAloneWhereTheFirstBreaks() throws Exception {
    try (InProcessGateway gateway = learned(HEDGED)) {
      AtomicReference<HttpServerRequest> other = new AtomicReference<>();
      first.script((request, body) -> held.set(request));
      second.script((request, body) -> other.set(request));
      CompletableFuture<HttpResponse<String>> asked = startFirst(gateway, "late");
      Await.until("the second copy", () -> other.get() != null);
      held.get().response().setStatusCode(500).end("{}");
      awaitFailed(gateway, "u0");
      answer(other.get());

      assertEquals(200, asked.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(1, hedges(gateway, "won"));
    }
  }

  @Test
  void theFirstGoesOnAloneWhereTheSecondBreaksAndNoThirdIsTried() throws Exception {
    try (InProcessGateway gateway = learned(HEDGED.replace("reserve: 1", "reserve: 5"))) {
      first.script((request, body) -> held.set(request));
      second.script((request, body) -> request.connection().close());
      CompletableFuture<HttpResponse<String>> asked = startFirst(gateway, "late");
      awaitFailed(gateway, "u1");
      held.get().connection().close();
      HttpResponse<String> answer = asked.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);

      assertEquals(502, answer.statusCode());
      assertEquals(1, hedges(gateway, "broken"));
      assertEquals(2, gateway.timeline("late").path("attempts").size());
    }
  }

  @Test
  void withoutABudgetItWaits() throws Exception {
    String poor = HEDGED.replace("reserve: 1", "reserve: 0");
    try (InProcessGateway gateway = learned(poor)) {
      first.script((request, body) -> held.set(request));
      CompletableFuture<HttpResponse<String>> asked = startFirst(gateway, "late");
      awaitHedge(gateway, "no_budget");
      answer(held.get());

      assertEquals(200, asked.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
      assertEquals(lessons(second), second.seen.size());
    }
  }

  @Test
  void otherClassesAndWholeAnswersHaveNoSecondCopy() throws Exception {
    try (InProcessGateway gateway = learned(HEDGED)) {
      slowly();
      ask(gateway, true, "a", "batch");
      ask(gateway, true, "b", "batch");
      ask(gateway, false, "c", "interactive");
      ask(gateway, false, "d", "interactive");

      for (String result : new String[] {"won", "lost", "no_budget", "no_replica"}) {
        assertEquals(0, hedges(gateway, result));
      }
      assertEquals(1, gateway.timeline("d").path("attempts").size());
    }
  }

  @Test
  void aClientThatLeavesEndsBoth() throws Exception {
    try (InProcessGateway gateway = learned(HEDGED)) {
      first.script((request, body) -> held.set(request));
      second.script((request, body) -> {});
      next(gateway);
      String body = InProcessGateway.chat(true);
      try (Socket client =
          new Socket(InetAddress.getLoopbackAddress(), gateway.api("").getPort())) {
        String head =
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-SLO-Class: interactive\r\n"
                + "Content-Length: "
                + body.length()
                + "\r\n\r\n";
        client.getOutputStream().write((head + body).getBytes(StandardCharsets.US_ASCII));
        Await.until("the second copy", () -> second.seen.size() > lessons(second));
      }

      assertNotNull(
          first.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS), "the first was not told");
      assertNotNull(
          second.closed.poll(Await.LIMIT_SECONDS, TimeUnit.SECONDS), "the second was not told");
      awaitHedge(gateway, "abandoned");
      assertEquals(0, gateway.metric("switchboard_requests_in_flight{model=\"m\"}"));
    }
  }

  // ------------------------------------------------------------------ helpers

  private int lessonsOfSecond;

  /** A gateway that knows how quick its two replicas are. */
  private InProcessGateway learned(String yaml) throws Exception {
    first.script((request, body) -> answer(request));
    second.script((request, body) -> answer(request));
    InProcessGateway gateway = InProcessGateway.before(yaml, first, second);
    Await.until(
        "both replicas",
        () -> gateway.fleet().views("m", 0).stream().allMatch(view -> view.routable()));
    for (int i = 0; i < LESSONS; i++) {
      assertEquals(200, ask(gateway, true, "lesson" + i, "batch").statusCode());
    }
    // A client may have its answer before that is counted.
    Await.until("tokens", () -> prompts(gateway), told -> told == LESSONS * PROMPT_TOKENS);
    lessonsOfSecond = second.seen.size();
    first.closed.clear();
    second.closed.clear();
    return gateway;
  }

  private int lessons(FakeUpstream upstream) {
    return upstream == second ? lessonsOfSecond : LESSONS - lessonsOfSecond;
  }

  /** Spends a turn where the next request would go to the second replica. */
  private void next(InProcessGateway gateway) throws Exception {
    for (int i = 0; i < 2; i++) {
      if (turnOfFirst()) {
        return;
      }
      second.script((request, body) -> answer(request));
      ask(gateway, true, "turn", "batch");
    }
  }

  private boolean turnOfFirst() {
    return first.seen.size() <= second.seen.size();
  }

  private CompletableFuture<HttpResponse<String>> startFirst(InProcessGateway gateway, String id)
      throws Exception {
    assertNull(held.get());
    CompletableFuture<HttpResponse<String>> asked =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return ask(gateway, true, id, "interactive");
              } catch (Exception e) {
                throw new AssertionError(e);
              }
            });
    Await.until("the first copy", () -> held.get() != null);
    return asked;
  }

  private HttpResponse<String> askFirst(InProcessGateway gateway, String id) throws Exception {
    return startFirst(gateway, id).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  private static HttpResponse<String> ask(
      InProcessGateway gateway, boolean stream, String id, String sloClass) throws Exception {
    return gateway.post(
        InProcessGateway.CHAT,
        InProcessGateway.chat(stream),
        "X-Request-Id",
        id,
        "X-SLO-Class",
        sloClass);
  }

  /** Both answer later than is late. */
  private void slowly() {
    first.script((request, body) -> first.vertx().setTimer(120, late -> answer(request)));
    second.script((request, body) -> second.vertx().setTimer(120, late -> answer(request)));
  }

  private static void answer(HttpServerRequest request) {
    FakeUpstream.events(request)
        .end(FakeUpstream.role() + FakeUpstream.content("a") + USAGE + FakeUpstream.done());
  }

  private static double served(InProcessGateway gateway) throws Exception {
    return gateway.metric(
        "switchboard_requests_total{endpoint=\"chat\",model=\"m\",outcome=\"ok\"}");
  }

  private static double prompts(InProcessGateway gateway) throws Exception {
    return gateway.metric(
        "switchboard_tokens_total{cache=\"miss\",direction=\"prompt\",model=\"m\"}");
  }

  private static void awaitHedge(InProcessGateway gateway, String result) {
    Await.until(result, () -> hedges(gateway, result), count -> count == 1);
  }

  private static void awaitFailed(InProcessGateway gateway, String replica) {
    Await.until(replica, () -> gateway.attempts(replica, "failed"), count -> count == 1);
  }

  private static double hedges(InProcessGateway gateway, String result) throws Exception {
    return gateway.metric("switchboard_hedges_total{model=\"m\",result=\"" + result + "\"}");
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.boot.FlakyLink.Weather;
import io.vertx.core.http.HttpServerRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A large model behind a link, and a small one here. */
class EdgeIT {
  private static final int LATE_MS = 300;

  /** Of a slow machine, beyond what is late. */
  private static final int SLACK_MS = 1500;

  private static final String ENTRY =
      "late-ms: 300, answer-late-ms: 300, failures: 2, window: 5, probe-ms: 50, return-seconds: 1";

  private FakeUpstream region;
  private FakeUpstream here;
  private FlakyLink link;
  private InProcessGateway gateway;

  @BeforeEach
  void start() throws Exception {
    region = new FakeUpstream();
    here = new FakeUpstream();
    answers(region, "far");
    answers(here, "near");
    link = new FlakyLink(region.url(), 3 * LATE_MS);
    gateway = InProcessGateway.of(config(ENTRY)).awaitEveryReplica();
  }

  private String config(String entry) {
    return """
    circuit: {failures: 0, error-rate: 1.0}
    workers: {eject-after: 100}
    retry: {reserve: 1000}
    upstreams:
      - {url: "%s", models: [big], engine: vllm}
      - {url: "%s", models: [small], engine: vllm}
    edge: [{name: big, local: small, %s}]
    """
        .formatted(link.url(), here.url(), entry);
  }

  @AfterEach
  void stop() throws Exception {
    gateway.close();
    link.close();
    region.close();
    here.close();
  }

  private static void answers(FakeUpstream server, String word) {
    server.script(
        (request, body) -> {
          if (body.toString().contains("\"stream\":true")) {
            streams(request, word);
          } else {
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end(
                    "{\"choices\":[{\"message\":{\"content\":\""
                        + word
                        + "\"}}],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":10}}");
          }
        });
  }

  private static void streams(HttpServerRequest request, String word) {
    request
        .response()
        .setChunked(true)
        .putHeader("Content-Type", "text/event-stream")
        .end(
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\""
                + word
                + "\"}}]}\n\ndata: [DONE]\n\n");
  }

  /** What came, in time. */
  private HttpResponse<String> ask(boolean stream) throws Exception {
    long begun = System.currentTimeMillis();
    String body = InProcessGateway.chat(stream).replace("\"m\"", "\"big\"");
    HttpResponse<String> answer = gateway.post(InProcessGateway.CHAT, body);
    long tookMs = System.currentTimeMillis() - begun;
    assertEquals(200, answer.statusCode(), answer::body);
    assertTrue(!stream || answer.body().contains("[DONE]"), answer::body);
    assertTrue(tookMs < LATE_MS + SLACK_MS, () -> tookMs + " ms");
    return answer;
  }

  private static String fallback(HttpResponse<String> answer) {
    return answer.headers().firstValue("X-Switchboard-Fallback").orElse("");
  }

  private void awaitAnswerFrom(String word) throws Exception {
    InProcessGateway.await(
        20,
        () -> {
          try {
            return ask(true).body().contains(word)
                && gateway.metric("switchboard_edge_local{edge=\"big\"}")
                    == (word.equals("near") ? 1 : 0);
          } catch (Exception broken) {
            throw new AssertionError(broken);
          }
        });
  }

  @Test
  void aLateRegionIsAnsweredForHereAndServesAgainWhenItIsWell() throws Exception {
    assertEquals("", fallback(ask(true)));
    link.is(Weather.DELAYS);
    HttpResponse<String> first = ask(true);
    HttpResponse<String> whole = ask(false);
    ask(true);
    HttpResponse<String> switched = ask(true);
    double local = gateway.metric("switchboard_edge_local{edge=\"big\"}");
    String id = switched.headers().firstValue("X-Request-Id").orElseThrow();
    String reason = gateway.timeline(id).at("/route/fallback_reason").asText();
    link.is(Weather.WELL);
    awaitAnswerFrom("far");

    assertTrue(first.body().contains("near"), first::body);
    assertEquals("big->small late", fallback(first));
    assertEquals("small", first.headers().firstValue("X-Switchboard-Model").orElse(""));
    assertTrue(whole.body().contains("near"), whole::body);
    assertEquals("big->small late", fallback(switched));
    assertEquals("late", reason);
    assertEquals(1, local);
    assertEquals(
        1, gateway.metric("switchboard_edge_switches_total{edge=\"big\",kind=\"returned\"}"));
    assertTrue(
        gateway.metric("switchboard_fallbacks_total{from=\"big\",reason=\"late\",to=\"small\"}")
            >= 2);
  }

  @Test
  void aRegionBehindALinkThatDropsEverythingIsAnsweredForInTime() throws Exception {
    ask(true);
    link.is(Weather.DROPS);

    for (int i = 0; i < 5; i++) {
      assertTrue(ask(true).body().contains("near"));
    }
    link.is(Weather.BREAKS);
    link.is(Weather.WELL);
    awaitAnswerFrom("far");
  }

  @Test
  void aLinkThatFlapsBreaksNothingAndSwitchesSeldom() throws Exception {
    ask(true);
    for (int i = 0; i < 10; i++) {
      link.is(i % 2 == 0 ? Weather.BREAKS : Weather.WELL);
      ask(true);
      ask(false);
      ask(true);
    }

    double switches =
        gateway.metric("switchboard_edge_switches_total{edge=\"big\",kind=\"unreachable\"}");
    assertTrue(switches >= 1 && switches <= 2, () -> switches + " switches");
    link.is(Weather.WELL);
    awaitAnswerFrom("far");
  }

  @Test
  void aRegionWhoseTokensOfTheHourAreUsedUpIsNotAsked() throws Exception {
    gateway.rewrite(config(ENTRY + ", tokens-per-hour: 100"));
    gateway.adminBody("/admin/v1/config/reload", "{}");
    ask(false);
    ask(false);
    int asked = region.seen.size();

    HttpResponse<String> here = ask(false);

    assertEquals("big->small budget", fallback(here));
    assertEquals(asked, region.seen.size());
  }

  @Test
  void aLateRegionIsAskedByNoSecondCopyBesideTheLocalModel() throws Exception {
    try (FakeUpstream other = new FakeUpstream();
        InProcessGateway hedging = hedging(600, 200, other)) {
      AtomicReference<HttpServerRequest> asked = new AtomicReference<>();
      holds(region, other);
      here.script((request, body) -> asked.set(request));
      int before = region.seen.size() + other.seen.size();
      CompletableFuture<HttpResponse<String>> answer = hurry(hedging);
      InProcessGateway.await(() -> asked.get() != null);
      // Longer than until a second copy would be sent.
      here.vertx().setTimer(900, late -> streams(asked.get(), "near"));

      assertNearAlone(hedging, answer.get(10, TimeUnit.SECONDS));
      assertEquals(1, region.seen.size() + other.seen.size() - before);
    }
  }

  @Test
  void theLocalModelIsAskedInPlaceOfASecondCopyThatIsLateToo() throws Exception {
    try (FakeUpstream other = new FakeUpstream();
        InProcessGateway hedging = hedging(60, 1500, other)) {
      holds(region, other);
      int before = region.seen.size() + other.seen.size();

      assertNearAlone(hedging, hurry(hedging).get(10, TimeUnit.SECONDS));
      assertEquals(2, region.seen.size() + other.seen.size() - before);
      assertEquals(
          1, hedging.metric("switchboard_hedges_total{model=\"big\",result=\"abandoned\"}"));
    }
  }

  /** A gateway that knows how quick two servers of the region are, and sends second copies. */
  private InProcessGateway hedging(int afterMs, int lateMs, FakeUpstream other) throws Exception {
    answers(other, "far");
    InProcessGateway hedging =
        InProcessGateway.of(
                """
                routing: {policy: round-robin}
                retry: {reserve: 1000, hedge: {classes: ["*"], after-ms: %d}}
                upstreams:
                  - {url: "%s", models: [big]}
                  - {url: "%s", models: [big]}
                  - {url: "%s", models: [small]}
                edge: [{name: big, local: small, late-ms: %d}]
                """
                    .formatted(afterMs, region.url(), other.url(), here.url(), lateMs))
            .awaitEveryReplica();
    for (int i = 0; i < 40; i++) {
      assertEquals(200, hurry(hedging).get(10, TimeUnit.SECONDS).statusCode());
    }
    return hedging;
  }

  private static CompletableFuture<HttpResponse<String>> hurry(InProcessGateway gateway) {
    String body = InProcessGateway.chat(true).replace("\"m\"", "\"big\"");
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return gateway.post(InProcessGateway.CHAT, body);
          } catch (Exception broken) {
            throw new AssertionError(broken);
          }
        });
  }

  private static void holds(FakeUpstream... servers) {
    for (FakeUpstream server : servers) {
      server.script((request, body) -> {});
    }
  }

  private static void assertNearAlone(InProcessGateway gateway, HttpResponse<String> answer)
      throws Exception {
    assertEquals("small", answer.headers().firstValue("X-Switchboard-Model").orElse(""));
    assertEquals("big->small late", fallback(answer));
    assertTrue(answer.body().contains("near") && answer.body().contains("[DONE]"), answer::body);
    InProcessGateway.await(
        () -> gateway.fleet().replicas().stream().allMatch(replica -> replica.inFlight() == 0));
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.boot.FlakyLink.Weather;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import io.vertx.core.http.HttpServerRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A large model behind a link, and a small one here. */
class EdgeIT {
  private static final int LATE_MS = 300;

  /** Of a machine with nothing else to do, beyond what is late. */
  private static final int SLACK_MS = 1500;

  private static final String ENTRY =
      "late-ms: 300, answer-late-ms: 300, failures: 2, window: 5, probe-ms: 50, return-seconds: 1";

  private FakeUpstream region;
  private FakeUpstream here;
  private FlakyLink link;
  private InProcessGateway gateway;
  private int asked;
  private int answered;

  @BeforeEach
  void start() throws Exception {
    region = new FakeUpstream();
    here = new FakeUpstream();
    answers(region, "far");
    answers(here, "near");
    link = new FlakyLink(region.url(), Await.LIMIT_MS);
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

  private HttpResponse<String> ask(boolean stream) throws Exception {
    String body = InProcessGateway.chat(stream).replace("\"m\"", "\"big\"");
    asked++;
    HttpResponse<String> answer = gateway.post(InProcessGateway.CHAT, body);
    assertEquals(200, answer.statusCode(), answer::body);
    assertTrue(!stream || answer.body().contains("[DONE]"), answer::body);
    answered++;
    return answer;
  }

  private static String fallback(HttpResponse<String> answer) {
    return answer.headers().firstValue("X-Switchboard-Fallback").orElse("");
  }

  /** Every request is answered meanwhile. */
  private void awaitTheRegion() {
    Await.until(
        "the region's answers",
        () ->
            ask(true).body().contains("far")
                && gateway.metric("switchboard_edge_local{edge=\"big\"}") == 0);
    assertEquals(asked, answered);
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
    awaitTheRegion();

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
  @Tag("timing")
  void aRegionBehindALinkThatDropsEverythingIsAnsweredForInTime() throws Exception {
    ask(true);
    link.is(Weather.DROPS);

    for (int i = 0; i < 5; i++) {
      Stopwatch begun = Stopwatch.start();
      ask(true);
      long ms = begun.millis();
      assertTrue(ms < LATE_MS + SLACK_MS, () -> ms + " ms");
    }
  }

  @Test
  void aRegionBehindALinkThatDropsEverythingIsAnsweredForHere() throws Exception {
    ask(true);
    link.is(Weather.DROPS);

    for (int i = 0; i < 5; i++) {
      assertTrue(ask(true).body().contains("near"));
    }
    link.is(Weather.BREAKS);
    link.is(Weather.WELL);
    awaitTheRegion();
  }

  @Test
  void aLinkThatFlapsBreaksNothingAndSwitchesSeldom() throws Exception {
    reload(ENTRY.replace("return-seconds: 1", "return-seconds: 3600"));
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
    reload(ENTRY);
    awaitTheRegion();
  }

  private void reload(String entry) throws Exception {
    gateway.rewrite(config(entry));
    gateway.adminBody("/admin/v1/config/reload", "{}");
  }

  @Test
  void aRegionWhoseTokensOfTheHourAreUsedUpIsNotAsked() throws Exception {
    reload(ENTRY + ", tokens-per-hour: 100");
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
        InProcessGateway hedging = hedging(1500, 1000, other)) {
      AtomicReference<HttpServerRequest> asked = new AtomicReference<>();
      holds(region, other);
      here.script((request, body) -> asked.set(request));
      int before = region.seen.size() + other.seen.size();
      CompletableFuture<HttpResponse<String>> answer = hurry(hedging);
      Await.until("the request here", () -> asked.get() != null);
      // Longer than until a second copy would be sent.
      here.vertx().setTimer(900, late -> streams(asked.get(), "near"));

      assertNearAlone(hedging, answer.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      assertEquals(1, region.seen.size() + other.seen.size() - before);
    }
  }

  @Test
  void theLocalModelIsAskedInPlaceOfASecondCopyThatIsLateToo() throws Exception {
    try (FakeUpstream other = new FakeUpstream();
        InProcessGateway hedging = hedging(60, 3000, other)) {
      holds(region, other);
      int before = region.seen.size() + other.seen.size();

      assertNearAlone(hedging, hurry(hedging).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
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
      assertEquals(200, hurry(hedging).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode());
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
    Await.until(
        "the end of all attempts",
        () -> gateway.fleet().replicas().stream().allMatch(replica -> replica.inFlight() == 0));
  }
}

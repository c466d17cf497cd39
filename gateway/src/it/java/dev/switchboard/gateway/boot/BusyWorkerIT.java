package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A stream that is to go on at a worker which has enough to do, or cannot take it. */
class BusyWorkerIT extends TwoUpstreams {
  private static final String HEAD = ":answer a 1 2 3\n\n";

  private static final int WAITS_MS = 3000;

  private final AtomicInteger refusals = new AtomicInteger();

  private void script(int status, int times) {
    goesOn(
        (upstream, request) -> {
          if (refusals.getAndIncrement() < times) {
            request.response().setStatusCode(status).end("{}");
          } else {
            rest(request);
          }
        });
  }

  /** Both break a stream; this is what each does that is to go on with one. */
  private void goesOn(BiConsumer<FakeUpstream, HttpServerRequest> then) {
    for (FakeUpstream upstream : new FakeUpstream[] {first, second}) {
      upstream.script(
          (request, body) -> {
            if (!InProcessGateway.CHAT.equals(request.path())) {
              request.response().end("{}");
            } else if (request.getHeader("X-Switchboard-Continue") == null) {
              breaks(request);
            } else {
              then.accept(upstream, request);
            }
          });
    }
  }

  private static void rest(HttpServerRequest request) {
    FakeUpstream.events(request).end(told("y", 2) + FakeUpstream.finish() + FakeUpstream.done());
  }

  private static void breaks(HttpServerRequest request) {
    HttpServerResponse events = FakeUpstream.events(request);
    events.write(HEAD + told("x", 1)).onComplete(sent -> request.connection().close());
  }

  private static String told(String text, int token) {
    return FakeUpstream.content(text) + ":tokens 0/0:" + token + "\n\n";
  }

  private InProcessGateway gateway(String more) throws Exception {
    return InProcessGateway.of(
            more
                + "\nupstreams:\n  - {url: \""
                + first.url()
                + "\", models: [m], worker: true}\n  - {url: \""
                + second.url()
                + "\", models: [m], worker: true}\n")
        .awaitEveryReplica();
  }

  @Test
  void oneThatHasEnoughToDoIsAskedAgainAndHasNotFailed() throws Exception {
    script(429, 2);
    try (InProcessGateway gateway = gateway("")) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      assertTrue(answer.body().endsWith("data: [DONE]\n\n"), answer::body);
      assertEquals(3, refusals.get());
      assertEquals(2, attempts(gateway, "shed"));
      assertEquals(1, attempts(gateway, "failed"));
      assertEquals(1, attempts(gateway, "served"));
    }
  }

  /** However often it is asked for: a refusal begins no new wait. */
  @Test
  void oneThatNobodyTakesEndsInTime() throws Exception {
    script(429, Integer.MAX_VALUE);
    String hour = "deadlines: {first-token-ms: 3600000, inter-token-ms: 3600000}";
    try (InProcessGateway gateway = gateway("migration: {wait-ms: 2000}\n" + hour)) {
      HttpResponse<String> answer =
          assertTimeoutPreemptively(
              Duration.ofSeconds(Await.LIMIT_SECONDS),
              () -> gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true)));

      assertTrue(answer.body().contains("\"error\""), answer::body);
      assertTrue(refusals.get() > 2, refusals::toString);
    }
  }

  /** As where all of its places are taken: waiting there is not waiting for somebody to take it. */
  @Test
  void oneThatTakesTheStreamMayLetItWaitAsLongAsForAFirstToken() throws Exception {
    goesOn((upstream, request) -> upstream.vertx().setTimer(WAITS_MS, late -> rest(request)));
    try (InProcessGateway gateway =
        gateway(
            "migration: {wait-ms: %1$d}%ndeadlines: {inter-token-ms: %1$d}"
                .formatted(WAITS_MS / 2))) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      assertTrue(answer.body().endsWith("data: [DONE]\n\n"), answer::body);
      assertEquals(1, attempts(gateway, "served"));
    }
  }

  @Test
  void andNoLonger() throws Exception {
    goesOn((upstream, request) -> {});
    try (InProcessGateway gateway =
        gateway(
            "migration: {wait-ms: 200}\ndeadlines: {inter-token-ms: 800, first-token-ms: 900}")) {
      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      assertTrue(answer.body().contains("\"error\""), answer::body);
      assertFalse(answer.body().contains("[DONE]"), answer::body);
    }
  }

  @ParameterizedTest
  @CsvSource({"429, shed", "400, abandoned", "503, failed"})
  void onlyAFaultOfItsOwnIsItsFailure(int status, String result) throws Exception {
    script(status, Integer.MAX_VALUE);
    try (InProcessGateway gateway = gateway("migration: {wait-ms: 1500}")) {
      gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(true));

      double failed = "failed".equals(result) ? 2 : 1;
      assertEquals(failed, attempts(gateway, "failed"));
      assertTrue(attempts(gateway, result) >= 1, result);
    }
  }

  private static double attempts(InProcessGateway gateway, String result) throws Exception {
    return gateway.attempts("u0", result) + gateway.attempts("u1", result);
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerRequest;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Servers that answer no chat before the test says so, and what waits for them. */
final class HeldAnswers {
  private final Queue<HttpServerRequest> held = new ConcurrentLinkedQueue<>();
  private final List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();

  HeldAnswers(FakeUpstream... servers) {
    for (FakeUpstream server : servers) {
      server.script(
          (request, body) -> {
            if (InProcessGateway.CHAT.equals(request.path())) {
              held.add(request);
            } else {
              request.response().end("{\"choices\":[]}");
            }
          });
    }
  }

  /** Sends so many requests that have time, and waits for none. */
  void ask(InProcessGateway gateway, int count) {
    for (int i = 0; i < count; i++) {
      HttpRequest request =
          HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
              .header("Content-Type", "application/json")
              .header("X-SLO-TTFT-Ms", "60000")
              .POST(HttpRequest.BodyPublishers.ofString(InProcessGateway.chat(false)))
              .build();
      answers.add(gateway.client().sendAsync(request, HttpResponse.BodyHandlers.ofString()));
    }
  }

  /** Those that servers have. */
  int count() {
    return held.size();
  }

  /** Answers them, those that come only now among them; none may fail. */
  void answerAll() throws Exception {
    Await.until(
        "all answers",
        () -> {
          for (HttpServerRequest each = held.poll(); each != null; each = held.poll()) {
            each.response().end("{\"choices\":[]}");
          }
          return answers.stream().allMatch(CompletableFuture::isDone);
        });
    for (CompletableFuture<HttpResponse<String>> each : answers) {
      assertEquals(200, each.join().statusCode(), () -> each.join().body());
    }
  }
}

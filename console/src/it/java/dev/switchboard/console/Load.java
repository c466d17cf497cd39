package dev.switchboard.console;

import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Clients that stream answers one after another, and count those that did not come whole. */
final class Load implements AutoCloseable {
  private static final List<String> CLASSES = List.of("interactive", "standard", "batch");
  private static final List<String> ASKED =
      List.of(
          "How do I put an item back?",
          "Tell me of the bridge at the old harbour.",
          "Where is my order, and when will it come?",
          "Say the rules of the house in a few words.");

  private final HttpClient http = HttpClient.newHttpClient();
  private final AtomicInteger whole = new AtomicInteger();
  private final AtomicInteger broken = new AtomicInteger();
  private final RealGateway gateway;

  /** Of each answer; 0 for few, another number each time. */
  private final int tokens;

  /** From the beginning of an answer to the next one's, at least. */
  private final long everyMs;

  private final CountDownLatch over = new CountDownLatch(1);

  private Load(RealGateway gateway, int tokens, long everyMs) {
    this.gateway = gateway;
    this.tokens = tokens;
    this.everyMs = everyMs;
  }

  static Load start(RealGateway gateway, int streams) {
    return start(new Load(gateway, 0, 0), streams);
  }

  /** As many requests a second whatever else the machine does, as far as it can. */
  static Load paced(RealGateway gateway, int streams, long everyMs) {
    return start(new Load(gateway, 0, everyMs), streams);
  }

  /** Answers that nobody waits for to end. */
  static Load endless(RealGateway gateway, int streams, int tokens) {
    return start(new Load(gateway, tokens, 0), streams);
  }

  private static Load start(Load load, int streams) {
    for (int i = 0; i < streams; i++) {
      int first = i;
      Thread.ofVirtual().start(() -> load.client(first));
    }
    return load;
  }

  private void client(int first) {
    try {
      for (int i = first; over.getCount() > 0; i++) {
        Stopwatch asked = Stopwatch.start();
        count(i);
        boolean _ = over.await(everyMs - asked.millis(), TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException _) {
      // It is over.
    }
  }

  private void count(int i) throws InterruptedException {
    try {
      (ask(i) ? whole : broken).incrementAndGet();
    } catch (IOException | UncheckedIOException _) {
      broken.incrementAndGet();
    }
  }

  private boolean ask(int i) throws IOException, InterruptedException {
    String body =
        """
        {"model":"switchboard-demo","stream":true,"max_tokens":%d,"ignore_eos":true,
         "messages":[{"role":"user","content":"%s"}]}\
        """
            .formatted(tokens > 0 ? tokens : 40 + 37 * i % 100, ASKED.get(i % ASKED.size()));
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(gateway.api() + "/v1/chat/completions"))
            .header("Content-Type", "application/json")
            .header("Authorization", "Bearer " + RealGateway.APP_KEY)
            .header("X-SLO-Class", CLASSES.get(i % CLASSES.size()))
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    HttpResponse<InputStream> answer =
        http.send(request, HttpResponse.BodyHandlers.ofInputStream());
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8))) {
      return answer.statusCode() == 200 && lines.lines().anyMatch("data: [DONE]"::equals);
    }
  }

  /** Waits until so many came whole. */
  void await(int answers) {
    Await.until(answers + " answers", whole::get, count -> count >= answers);
  }

  /** How many were refused, or ended without their last event. */
  int broken() {
    return broken.get();
  }

  /** Asks no more, and waits for the answers that still come. */
  @Override
  public void close() {
    over.countDown();
    if (tokens > 0) {
      http.shutdownNow();
    }
    // Ends what is still asked, and waits for it.
    http.close();
  }
}

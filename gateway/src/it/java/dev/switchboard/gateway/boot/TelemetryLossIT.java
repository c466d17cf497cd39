package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A collector that is gone, slow or failing costs spans, which are counted, and no request; and
 * what it misses ends with its trouble. One gateway lives through all of it, started while there
 * was no collector yet.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TelemetryLossIT {
  private static final int REQUESTS = 100;

  private static final int PARTS = 5;

  /** Of each request. */
  private static final int SPANS = 5;

  /** Fewer than the spans of all requests together. */
  private static final int PLACES = 512;

  /** What the exporter may have had in its hands when a trouble began. */
  private static final int BATCH = 64;

  /** Waiting for an exporter takes seconds; a request on a busy machine does not. */
  private static final long LONGEST_MS = 3000;

  @TempDir private static @Nullable Path folder;

  private FakeUpstream upstream;
  private OtlpReceiver collector;
  private GatewayProcess gateway;

  /** By collectors that are gone. */
  private int receivedBefore;

  /** Exports that a slow collector has not answered. */
  private final Queue<HttpServerRequest> held = new ConcurrentLinkedQueue<>();

  private final AtomicInteger refused = new AtomicInteger();

  /** What is wrong with a collector. */
  enum Trouble {
    /** The exporter tries again for eight seconds, then gives up. */
    DEAD("failed"),
    SLOW("dropped"),
    FAILING("failed");

    /** What then certainly becomes of spans. */
    private final String result;

    Trouble(String result) {
      this.result = result;
    }
  }

  @BeforeAll
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done()));
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    // Whatever telemetry takes here: fewer spans would be no loss.
    Files.writeString(
        config,
        "upstreams: [{url: \""
            + upstream.url()
            + "\", models: [m]}]\ntelemetry: {governor: {cpu-percent: 0}}\n");
    collector = new OtlpReceiver();
    collector.close();
    List<String> options = new ArrayList<>(GatewayProcess.underAgent(collector));
    options.add("-Dotel.bsp.max.queue.size=" + PLACES);
    options.add("-Dotel.bsp.max.export.batch.size=" + BATCH);
    gateway = GatewayProcess.start(options, "--config", config.toString()).awaitReady();
    collector = new OtlpReceiver(collector.port());
  }

  @AfterAll
  void stop() {
    gateway.close();
    collector.close();
    upstream.close();
  }

  @AfterEach
  void allThatWaitsIsExportedWhenTheTroubleIsOver() throws Exception {
    awaitNoneQueued();
    Await.until("all are received", () -> spans("exported") == received());
  }

  @ParameterizedTest
  @EnumSource
  void requestsGoOnWhileSpansAreLostAndCounted(Trouble trouble) throws Exception {
    double exported = spans("exported");

    befall(trouble);
    List<Long> _ = longestMsUntilOneIsLost(trouble);

    assertTrue(spans("exported") <= exported + BATCH);
    end(trouble);
    ask(REQUESTS);
    Await.until("exported", () -> spans("exported"), now -> now >= exported + BATCH + SPANS);
  }

  @ParameterizedTest
  @EnumSource
  @Tag("timing")
  void noRequestWaitsForAnExporter(Trouble trouble) throws Exception {
    befall(trouble);
    List<Long> longestMs = longestMsUntilOneIsLost(trouble);
    end(trouble);

    assertTrue(Collections.max(longestMs) < LONGEST_MS, longestMs::toString);
  }

  /** Asks many times, of which each must be served; how long the longest took of each time. */
  private List<Long> longestMsUntilOneIsLost(Trouble trouble) throws Exception {
    double lost = spans(trouble.result);
    AtomicInteger begun = new AtomicInteger();
    List<Long> longestMs = new ArrayList<>();
    Await.until(
        "a lost span",
        () -> {
          begun.incrementAndGet();
          long ms = ask(REQUESTS);
          double queued = metrics().sum("switchboard_spans_queued");
          assertTrue(queued <= PLACES, () -> queued + " wait");
          longestMs.add(ms);
          return spans(trouble.result);
        },
        now -> now > lost);
    assertEquals(begun.get(), longestMs.size(), "each time all went well");
    return longestMs;
  }

  private void awaitNoneQueued() {
    Await.until("queued", () -> metrics().sum("switchboard_spans_queued"), queued -> queued == 0);
  }

  @Test
  void nothingIsLostWhileTheCollectorTakesEverything() throws Exception {
    double exported = spans("exported");
    double failed = spans("failed");
    double dropped = spans("dropped");

    // A part of them at a time: all of its spans find a place, however slowly they are fetched.
    for (int part = 0; part < PARTS; part++) {
      ask(REQUESTS / PARTS);
      awaitNoneQueued();
    }

    Await.until("exported", () -> spans("exported"), now -> now >= exported + REQUESTS * SPANS);
    Await.until("all are received", () -> spans("exported") == received());
    assertEquals(failed, spans("failed"));
    assertEquals(dropped, spans("dropped"));
  }

  private void befall(Trouble trouble) {
    switch (trouble) {
      case DEAD -> {
        receivedBefore += collector.all().size();
        collector.close();
      }
      case SLOW -> collector.trouble(held::add);
      case FAILING -> collector.trouble(this::refuse);
    }
  }

  /** Once as one that should be tried again, then for good. */
  private void refuse(HttpServerRequest request) {
    request.response().setStatusCode(refused.getAndIncrement() == 0 ? 503 : 500).end();
  }

  private void end(Trouble trouble) throws Exception {
    if (trouble == Trouble.DEAD) {
      collector = new OtlpReceiver(collector.port());
    } else {
      collector.trouble(null);
    }
    for (HttpServerRequest each = held.poll(); each != null; each = held.poll()) {
      each.response().setStatusCode(500).end();
    }
  }

  private int received() {
    return receivedBefore + collector.all().size();
  }

  /** Sends requests one after the other, which must all be served; how long the longest took. */
  private long ask(int requests) throws Exception {
    long longest = 0;
    for (int i = 0; i < requests; i++) {
      Stopwatch asked = Stopwatch.start();
      HttpResponse<String> answer =
          gateway.post(gateway.api(InProcessGateway.CHAT), InProcessGateway.chat(true));
      longest = Math.max(longest, asked.millis());
      assertEquals(200, answer.statusCode(), answer::body);
    }
    return longest;
  }

  private double spans(String result) throws IOException {
    return metrics().sum("switchboard_spans_total", "result=\"" + result + "\"");
  }

  private MetricsText metrics() throws IOException {
    return MetricsText.scrape(gateway.client(), gateway.adminUri(""));
  }
}

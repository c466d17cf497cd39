package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.MetricsText;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A collector that is gone, slow or failing costs spans, which are counted, and no request. */
class TelemetryLossIT {
  private static final int PLACES = 256;

  /** Each makes five spans, so that these are more than there are places. */
  private static final int REQUESTS = 100;

  /** Waiting for an exporter takes seconds; a request on a busy machine does not. */
  private static final long LONGEST_MS = 3000;

  /** Longer than an exporter goes on trying. */
  private static final long LOSS_NANOS = 60_000_000_000L;

  @TempDir private static @Nullable Path folder;
  private static FakeUpstream upstream;
  private static Path config;

  /** What is wrong with a collector. */
  enum Trouble {
    DEAD("failed"),
    SLOW("dropped"),
    FAILING("failed");

    /** What then certainly becomes of spans. */
    private final String result;

    Trouble(String result) {
      this.result = result;
    }

    void befall(FakeUpstream collector) {
      switch (this) {
        case DEAD -> collector.close();
        case SLOW ->
            collector.script(
                (request, body) ->
                    collector.vertx().setTimer(10_000, late -> request.response().end()));
        case FAILING ->
            collector.script((request, body) -> request.response().setStatusCode(503).end());
      }
    }
  }

  @BeforeAll
  static void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) ->
            FakeUpstream.events(request).end(FakeUpstream.content("a") + FakeUpstream.done()));
    config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(config, "upstreams: [{url: \"" + upstream.url() + "\", models: [m]}]\n");
  }

  @AfterAll
  static void stop() {
    upstream.close();
  }

  @ParameterizedTest
  @EnumSource
  void requestsGoOnWhileSpansAreLostAndCounted(Trouble trouble) throws Exception {
    try (FakeUpstream collector = new FakeUpstream()) {
      String endpoint = collector.url().toString();
      trouble.befall(collector);
      try (GatewayProcess gateway = gateway(endpoint)) {
        double lost = 0;
        for (long begun = System.nanoTime(); lost == 0; lost = spans(gateway, trouble.result)) {
          long longestMs = ask(gateway);
          assertTrue(longestMs < LONGEST_MS, () -> longestMs + " ms");
          double queued = metrics(gateway).sum("switchboard_spans_queued");
          assertTrue(queued <= PLACES, () -> queued + " wait");
          assertTrue(System.nanoTime() - begun < LOSS_NANOS, "none was lost");
        }
        assertEquals(0, spans(gateway, "exported"));
      }
    }
  }

  @Test
  void nothingIsLostWhileTheCollectorTakesEverything() throws Exception {
    try (OtlpReceiver collector = new OtlpReceiver();
        // Places as the product has: with fewer than there are spans, the fastest requests lose
        // some.
        GatewayProcess gateway = gateway(collector.endpoint(), 16_384)) {
      ask(gateway);

      InProcessGateway.await(() -> spans(gateway, "exported") >= REQUESTS * 5);
      InProcessGateway.await(() -> collector.all().size() == spans(gateway, "exported"));
      assertEquals(0, spans(gateway, "failed"));
      assertEquals(0, spans(gateway, "dropped"));
    }
  }

  private static GatewayProcess gateway(String collector) throws Exception {
    return gateway(collector, PLACES);
  }

  private static GatewayProcess gateway(String collector, int places) throws Exception {
    List<String> options = new ArrayList<>(GatewayProcess.underAgent(collector));
    options.add("-Dotel.bsp.max.queue.size=" + places);
    options.add("-Dotel.bsp.max.export.batch.size=64");
    return GatewayProcess.start(options, "--config", config.toString()).awaitReady();
  }

  /** Sends requests one after the other, which must all be served; how long the longest took. */
  private static long ask(GatewayProcess gateway) throws Exception {
    long longest = 0;
    for (int i = 0; i < REQUESTS; i++) {
      long begun = System.nanoTime();
      HttpResponse<String> answer =
          gateway.post(gateway.api(InProcessGateway.CHAT), InProcessGateway.chat(true));
      longest = Math.max(longest, System.nanoTime() - begun);
      assertEquals(200, answer.statusCode(), answer::body);
    }
    return longest / 1_000_000;
  }

  private static double spans(GatewayProcess gateway, String result) {
    return metrics(gateway).sum("switchboard_spans_total", "result=\"" + result + "\"");
  }

  private static MetricsText metrics(GatewayProcess gateway) {
    try {
      return MetricsText.scrape(gateway.client(), gateway.adminUri(""));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

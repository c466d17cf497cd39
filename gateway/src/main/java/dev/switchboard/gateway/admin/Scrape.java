package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.telemetry.Metrics;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.expositionformats.PrometheusProtobufWriter;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.RoutingContext;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Answers {@code /metrics} off the event loop, in the format that was asked for: Prometheus's
 * protobuf carries native histograms and exemplars, OpenMetrics exemplars alone. Each is made once
 * at a time, of the same metrics: who asks meanwhile gets the same bytes, so no crowd of scrapers
 * can cost more than one. On the admin listener's event loop.
 */
final class Scrape {
  private static final String NAMES = "name[]";
  private static final int MOST_NAMES = 100;
  private static final int MOST_NAME_CHARS = 200;

  /** What the samples of a metric have behind its name. */
  private static final List<String> SUFFIXES =
      List.of("_total", "_bucket", "_count", "_sum", "_info", "_created");

  private final Metrics metrics;
  private final NanoClock clock;
  private final ExpositionFormatWriter protobuf = new PrometheusProtobufWriter();
  private final ExpositionFormatWriter openMetrics =
      OpenMetricsTextFormatWriter.builder().setCreatedTimestampsEnabled(false).build();
  private final ExpositionFormatWriter prometheus =
      PrometheusTextFormatWriter.builder().setIncludeCreatedTimestamps(false).build();
  private final Map<Page, Future<Buffer>> running = new HashMap<>();

  Scrape(Metrics metrics, NanoClock clock) {
    this.metrics = metrics;
    this.clock = clock;
  }

  void answer(RoutingContext context) {
    ExpositionFormatWriter writer = writer(context.request().getHeader("Accept"));
    page(context.vertx(), new Page(writer, names(context)))
        .onSuccess(
            body -> context.response().putHeader("Content-Type", writer.getContentType()).end(body))
        .onFailure(context::fail);
  }

  /** As Prometheus text. */
  Future<Buffer> text(Vertx vertx) {
    return page(vertx, new Page(prometheus, Set.of()));
  }

  /**
   * What is made.
   *
   * @param names of metrics or their samples; empty for all
   */
  private record Page(ExpositionFormatWriter writer, Set<String> names) {
    /** Asked with a metric's name without what its samples add. */
    boolean wants(String metric) {
      return names.contains(metric)
          || SUFFIXES.stream().anyMatch(suffix -> names.contains(metric + suffix));
    }
  }

  private static Set<String> names(RoutingContext context) {
    List<String> names = context.queryParam(NAMES);
    if (names.size() > MOST_NAMES
        || names.stream().anyMatch(name -> name.length() > MOST_NAME_CHARS)) {
      throw JsonInput.refused(
          NAMES,
          "may be given " + MOST_NAMES + " times, of " + MOST_NAME_CHARS + " characters each");
    }
    return Set.copyOf(names);
  }

  private ExpositionFormatWriter writer(@Nullable String accept) {
    if (protobuf.accepts(accept)) {
      return protobuf;
    }
    return openMetrics.accepts(accept) ? openMetrics : prometheus;
  }

  private Future<Buffer> page(Vertx vertx, Page page) {
    Future<Buffer> same = running.get(page);
    if (same != null) {
      metrics.scrapeShared();
      return same;
    }
    Future<Buffer> made =
        vertx.executeBlocking(() -> write(page), false).map(Objects::requireNonNull);
    running.put(page, made);
    return made.onComplete(done -> running.remove(page));
  }

  private Buffer write(Page page) throws IOException {
    long start = clock.epochNanos();
    long begun = metrics.threadNanos();
    ByteArrayOutputStream out = new ByteArrayOutputStream(64 << 10);
    page.writer()
        .write(
            out,
            page.names().isEmpty()
                ? metrics.registry().scrape()
                : metrics.registry().scrape(page::wants));
    metrics.scraped((clock.epochNanos() - start) / 1e9, begun);
    return Buffer.buffer(out.toByteArray());
  }
}

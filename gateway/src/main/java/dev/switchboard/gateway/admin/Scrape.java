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
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Answers {@code /metrics} off the event loop, in the format that was asked for: Prometheus's
 * protobuf carries native histograms and exemplars, OpenMetrics exemplars alone. Each is made once
 * at a time: who asks meanwhile gets the same bytes, so no crowd of scrapers can cost more than
 * one. On the admin listener's event loop.
 */
final class Scrape {
  private final Metrics metrics;
  private final NanoClock clock;
  private final ExpositionFormatWriter protobuf = new PrometheusProtobufWriter();
  private final ExpositionFormatWriter openMetrics =
      OpenMetricsTextFormatWriter.builder().setCreatedTimestampsEnabled(false).build();
  private final ExpositionFormatWriter prometheus =
      PrometheusTextFormatWriter.builder().setIncludeCreatedTimestamps(false).build();
  private final Map<ExpositionFormatWriter, Future<Buffer>> running = new HashMap<>();

  Scrape(Metrics metrics, NanoClock clock) {
    this.metrics = metrics;
    this.clock = clock;
  }

  void answer(RoutingContext context) {
    ExpositionFormatWriter writer = writer(context.request().getHeader("Accept"));
    page(context.vertx(), writer)
        .onSuccess(
            body -> context.response().putHeader("Content-Type", writer.getContentType()).end(body))
        .onFailure(context::fail);
  }

  /** As Prometheus text. */
  Future<Buffer> text(Vertx vertx) {
    return page(vertx, prometheus);
  }

  private ExpositionFormatWriter writer(@Nullable String accept) {
    if (protobuf.accepts(accept)) {
      return protobuf;
    }
    return openMetrics.accepts(accept) ? openMetrics : prometheus;
  }

  private Future<Buffer> page(Vertx vertx, ExpositionFormatWriter writer) {
    Future<Buffer> same = running.get(writer);
    if (same != null) {
      metrics.scrapeShared();
      return same;
    }
    Future<Buffer> made =
        vertx.executeBlocking(() -> write(writer), false).map(Objects::requireNonNull);
    running.put(writer, made);
    return made.onComplete(done -> running.remove(writer));
  }

  private Buffer write(ExpositionFormatWriter writer) throws IOException {
    long start = clock.epochNanos();
    long begun = metrics.threadNanos();
    ByteArrayOutputStream out = new ByteArrayOutputStream(64 << 10);
    writer.write(out, metrics.registry().scrape());
    metrics.scraped((clock.epochNanos() - start) / 1e9, begun);
    return Buffer.buffer(out.toByteArray());
  }
}

package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.telemetry.Metrics;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.RoutingContext;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Answers {@code /metrics} off the event loop, in the format that was asked for: OpenMetrics
 * carries the exemplars.
 */
final class Scrape {
  private final Metrics metrics;
  private final NanoClock clock;
  private final ExpositionFormatWriter openMetrics =
      OpenMetricsTextFormatWriter.builder().setCreatedTimestampsEnabled(false).build();
  private final ExpositionFormatWriter prometheus =
      PrometheusTextFormatWriter.builder().setIncludeCreatedTimestamps(false).build();

  Scrape(Metrics metrics, NanoClock clock) {
    this.metrics = metrics;
    this.clock = clock;
  }

  void answer(RoutingContext context) {
    @Nullable String accept = context.request().getHeader("Accept");
    ExpositionFormatWriter writer = openMetrics.accepts(accept) ? openMetrics : prometheus;
    context
        .vertx()
        .executeBlocking(() -> write(writer), false)
        .onSuccess(
            body -> context.response().putHeader("Content-Type", writer.getContentType()).end(body))
        .onFailure(context::fail);
  }

  private Buffer write(ExpositionFormatWriter writer) throws IOException {
    long start = clock.epochNanos();
    ByteArrayOutputStream out = new ByteArrayOutputStream(64 << 10);
    writer.write(out, metrics.registry().scrape());
    metrics.scraped((clock.epochNanos() - start) / 1e9);
    return Buffer.buffer(out.toByteArray());
  }
}

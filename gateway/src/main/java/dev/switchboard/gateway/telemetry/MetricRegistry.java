package dev.switchboard.gateway.telemetry;

import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.Unit;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Makes the series of {@link Metric}s: the only place that gives a name to the client library. */
final class MetricRegistry {
  private final PrometheusRegistry registry = new PrometheusRegistry();

  PrometheusRegistry registry() {
    return registry;
  }

  Counter counter(Metric metric) {
    Counter.Builder builder =
        Counter.builder()
            .name(metric.word())
            .help(help(metric))
            .labelNames(labels(metric))
            .withoutExemplars();
    return unit(metric) == null
        ? builder.register(registry)
        : builder.unit(unit(metric)).register(registry);
  }

  Gauge gauge(Metric metric) {
    Gauge.Builder builder =
        Gauge.builder()
            .name(metric.word())
            .help(help(metric))
            .labelNames(labels(metric))
            .withoutExemplars();
    return unit(metric) == null
        ? builder.register(registry)
        : builder.unit(unit(metric)).register(registry);
  }

  /** A gauge that is read at each scrape. */
  void seen(Metric metric, Consumer<GaugeWithCallback.Callback> values) {
    GaugeWithCallback.Builder builder =
        GaugeWithCallback.builder()
            .name(metric.word())
            .help(help(metric))
            .labelNames(labels(metric))
            .callback(values);
    if (unit(metric) == null) {
      builder.register(registry);
    } else {
      builder.unit(unit(metric)).register(registry);
    }
  }

  /**
   * Latencies have native buckets beside the classic ones, which cost some 20 ns of each
   * observation; the others have classic ones alone.
   */
  Histogram histogram(Metric metric) {
    Histogram.Builder builder =
        Histogram.builder()
            .name(metric.word())
            .unit(Objects.requireNonNull(unit(metric)))
            .help(help(metric))
            .labelNames(labels(metric))
            .classicUpperBounds(Objects.requireNonNull(metric.buckets()).bounds());
    return metric.latency()
        ? builder.register(registry)
        : builder.classicOnly().withoutExemplars().register(registry);
  }

  Info info(Metric metric) {
    return Info.builder()
        .name(metric.word())
        .help(help(metric))
        .labelNames(labels(metric))
        .register(registry);
  }

  private static String[] labels(Metric metric) {
    return metric.labels().stream().map(Label::word).toArray(String[]::new);
  }

  private static String help(Metric metric) {
    String text = metric.help().replaceAll("\\[(.*?)]\\(.*?\\)", "$1").replace("`", "");
    return Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }

  private static @Nullable Unit unit(Metric metric) {
    return switch (metric.unit()) {
      case COUNT -> null;
      case SECONDS -> Unit.SECONDS;
      case BYTES -> Unit.BYTES;
      case RATIO -> Unit.RATIO;
    };
  }
}

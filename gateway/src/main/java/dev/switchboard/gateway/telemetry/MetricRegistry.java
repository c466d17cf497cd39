package dev.switchboard.gateway.telemetry;

import io.prometheus.metrics.config.ExemplarsProperties;
import io.prometheus.metrics.config.PrometheusProperties;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.core.metrics.MetricWithFixedMetadata;
import io.prometheus.metrics.core.metrics.StatefulMetric;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.Exemplars;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricMetadata;
import io.prometheus.metrics.model.snapshots.Unit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Makes the series of {@link Metric}s: the only place that gives a name to the client library. */
final class MetricRegistry {
  /**
   * A series takes an exemplar and then none for so long. The client library ends that by a task on
   * a thread of its own for each series, which at its default of 90 ms wakes it hundreds of times a
   * second, beside requests that wait for the core.
   */
  private static final PrometheusProperties PROPERTIES =
      PrometheusProperties.builder()
          .exemplarProperties(
              ExemplarsProperties.builder().sampleIntervalMilliseconds(1000).build())
          .build();

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final Map<Metric, StatefulMetric<?, ?>> kept = new ConcurrentHashMap<>();

  PrometheusRegistry registry() {
    return registry;
  }

  Counter counter(Metric metric) {
    return kept(metric, described(Counter.builder(), metric).withoutExemplars());
  }

  Gauge gauge(Metric metric) {
    return kept(metric, described(Gauge.builder(), metric).withoutExemplars());
  }

  private <M extends StatefulMetric<?, ?>> M kept(
      Metric metric, MetricWithFixedMetadata.Builder<?, M> builder) {
    M made = builder.register(registry);
    kept.put(metric, made);
    return made;
  }

  /** Takes away every series in which a label says this. */
  void forget(Label label, String value) {
    kept.keySet().forEach(metric -> forget(metric, label, value));
  }

  /** Takes away those of one metric. */
  void forget(Metric metric, Label label, String value) {
    StatefulMetric<?, ?> series = kept.get(metric);
    int at = metric.labels().indexOf(label);
    if (series != null && at >= 0) {
      series.removeIf(values -> values.get(at).equals(value));
    }
  }

  /** A gauge that is read at each scrape. */
  void seen(Metric metric, Consumer<GaugeWithCallback.Callback> values) {
    described(GaugeWithCallback.builder(), metric).callback(values).register(registry);
  }

  /** A counter that somebody else counts; it is read at each scrape. */
  void counted(Metric metric, Consumer<CounterWithCallback.Callback> values) {
    described(CounterWithCallback.builder(), metric).callback(values).register(registry);
  }

  /**
   * Latencies have native buckets beside the classic ones, which cost some 20 ns of each
   * observation; the others have classic ones alone.
   */
  Histogram histogram(Metric metric) {
    Histogram.Builder builder =
        described(Histogram.builder(PROPERTIES), metric)
            .unit(Objects.requireNonNull(unit(metric), "a histogram has a unit"))
            .classicUpperBounds(Objects.requireNonNull(metric.buckets()).bounds());
    return kept(metric, metric.latency() ? builder : builder.classicOnly().withoutExemplars());
  }

  /** One series of a histogram that somebody else counts, with a count for each bucket. */
  record Counted(Labels labels, List<Long> counts, double sum) {}

  /** Such a histogram is read at each scrape; it has classic buckets and no exemplars. */
  void distributed(Metric metric, Supplier<List<Counted>> series) {
    MetricMetadata metadata = new MetricMetadata(metric.word(), help(metric), unit(metric));
    List<Double> bounds = new ArrayList<>();
    Arrays.stream(Objects.requireNonNull(metric.buckets()).bounds()).forEach(bounds::add);
    bounds.add(Double.POSITIVE_INFINITY);
    registry.register(
        () ->
            new HistogramSnapshot(
                metadata,
                series.get().stream()
                    .map(
                        each ->
                            new HistogramSnapshot.HistogramDataPointSnapshot(
                                ClassicHistogramBuckets.of(bounds, each.counts),
                                each.sum,
                                each.labels,
                                Exemplars.EMPTY,
                                0))
                    .toList()));
  }

  Info info(Metric metric) {
    return described(Info.builder(), metric).register(registry);
  }

  /** With what the metric says of itself. */
  private static <B extends MetricWithFixedMetadata.Builder<B, ?>> B described(
      B builder, Metric metric) {
    B described = builder.name(metric.word()).help(help(metric)).labelNames(labels(metric));
    Unit unit = unit(metric);
    return unit == null ? described : described.unit(unit);
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
      case CELSIUS -> Unit.CELSIUS;
      case WATTS -> new Unit("watts");
      case HERTZ -> new Unit("hertz");
    };
  }
}

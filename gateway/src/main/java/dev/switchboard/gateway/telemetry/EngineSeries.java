package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Outcome;
import io.prometheus.metrics.core.datapoints.DistributionDataPoint;
import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricMetadata;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Each replica under the names of vLLM: what it reports of itself ({@link EngineName}), how its KV
 * is laid out, and what this gateway's requests took there ({@link EngineTime}). Nothing is
 * observed or told unless it is wanted, which a reload may change. Safe on any thread.
 */
final class EngineSeries {
  static final String CACHE_CONFIG = EngineName.PREFIX + "cache_config_info";
  static final String CACHE_CONFIG_HELP =
      "1; its labels `block_size` and `num_gpu_blocks` say how a replica's KV is laid out; missing"
          + " of a server that does not say.";

  private static final String[] LABELS = {"model_name", Label.REPLICA.word()};
  private static final MetricMetadata CACHE =
      new MetricMetadata(
          CACHE_CONFIG.substring(0, CACHE_CONFIG.length() - "_info".length()),
          CACHE_CONFIG_HELP.replace("`", ""));

  private final FleetGauges source;
  private final BooleanSupplier wanted;
  private final Map<EngineTime, Histogram> times = new EnumMap<>(EngineTime.class);

  EngineSeries(PrometheusRegistry registry, FleetGauges source, BooleanSupplier wanted) {
    this.source = source;
    this.wanted = wanted;
    for (EngineName name : EngineName.values()) {
      register(registry, name);
    }
    for (EngineTime time : EngineTime.values()) {
      register(registry, time);
    }
    registry.register(this::cacheConfig);
  }

  private void register(PrometheusRegistry registry, EngineName name) {
    if (name.type() == Metric.Type.COUNTER) {
      CounterWithCallback.builder()
          .name(name.stem())
          .help(name.help())
          .labelNames(LABELS)
          .callback(to -> each(name, to::call))
          .register(registry);
    } else {
      GaugeWithCallback.builder()
          .name(name.stem())
          .help(name.help())
          .labelNames(LABELS)
          .callback(to -> each(name, to::call))
          .register(registry);
    }
  }

  private void each(EngineName name, Receiver to) {
    reporting(
        (model, replica, report) -> {
          double value = name.of(report);
          if (!Double.isNaN(value)) {
            to.call(value, model, replica);
          }
        });
  }

  private void reporting(FleetGauges.Reporting to) {
    if (wanted.getAsBoolean()) {
      source.reporting(to);
    }
  }

  /** Takes a value and its labels. */
  private interface Receiver {
    void call(double value, String... labels);
  }

  private void register(PrometheusRegistry registry, EngineTime time) {
    Histogram histogram =
        Histogram.builder()
            .name(time.word())
            .help(time.help())
            .labelNames(LABELS)
            .classicOnly()
            .classicUpperBounds(time.bounds())
            .withoutExemplars()
            .build();
    times.put(time, histogram);
    MetricMetadata metadata = new MetricMetadata(time.word(), time.help());
    registry.register(
        () ->
            wanted.getAsBoolean()
                ? histogram.collect()
                : new HistogramSnapshot(metadata, List.of()));
  }

  private InfoSnapshot cacheConfig() {
    InfoSnapshot.Builder all = InfoSnapshot.builder().name(CACHE.getName()).help(CACHE.getHelp());
    reporting(
        (model, replica, report) -> {
          long blocks =
              (long) report.kvBlocksFree() + report.kvBlocksCached() + report.kvBlocksUsed();
          if (report.kvBlockTokens() > 0) {
            all.dataPoint(
                InfoSnapshot.InfoDataPointSnapshot.builder()
                    .labels(
                        Labels.of(
                            "block_size",
                            Integer.toString(report.kvBlockTokens()),
                            "model_name",
                            model,
                            "num_gpu_blocks",
                            Long.toString(blocks),
                            Label.REPLICA.word(),
                            replica))
                    .build());
          }
        });
    return all.build();
  }

  /** The first gap of a stream that came from elsewhere is not this replica's. */
  @Nullable DoubleConsumer gaps(String model, String replica, boolean goesOn) {
    if (!wanted.getAsBoolean()) {
      return null;
    }
    DistributionDataPoint point = of(EngineTime.INTER_TOKEN, model, replica);
    return goesOn ? new Rest(point) : point::observe;
  }

  /** All but the first. */
  private static final class Rest implements DoubleConsumer {
    private final DistributionDataPoint point;
    private boolean begun;

    Rest(DistributionDataPoint point) {
      this.point = point;
    }

    @Override
    public void accept(double seconds) {
      if (begun) {
        point.observe(seconds);
      }
      begun = true;
    }
  }

  private DistributionDataPoint of(EngineTime time, String model, String replica) {
    return Objects.requireNonNull(times.get(time)).labelValues(model, replica);
  }

  /** Counts what a finished request took at the replicas that served it. */
  void finished(FlightRecord record) {
    if (record.attempts().isEmpty() || !wanted.getAsBoolean()) {
      return;
    }
    String model = record.model();
    FlightRecord.Attempt first = record.stream() ? speaker(record) : null;
    if (first != null) {
      long nanos = record.at(Flight.Mark.FIRST_TOKEN) - first.startNanos();
      of(EngineTime.FIRST_TOKEN, model, first.replica()).observe(nanos / 1e9);
    }
    if (record.outcome() == Outcome.OK) {
      FlightRecord.Attempt last = record.attempts().getLast();
      of(EngineTime.END_TO_END, model, last.replica())
          .observe((last.endNanos() - last.startNanos()) / 1e9);
      tokens(EngineTime.REQUEST_PROMPT_TOKENS, record, record.usage().promptTokens());
      tokens(EngineTime.REQUEST_GENERATION_TOKENS, record, record.usage().completionTokens());
    }
  }

  /** Who gave the first token: of two at the same time the one that was not given up. */
  private static FlightRecord.@Nullable Attempt speaker(FlightRecord record) {
    long at = record.at(Flight.Mark.FIRST_TOKEN);
    FlightRecord.Attempt found = null;
    for (FlightRecord.Attempt each : record.attempts()) {
      boolean then = at != 0 && each.startNanos() <= at && at <= each.endNanos();
      if (then && (found == null || each.error() == null)) {
        found = each;
      }
    }
    return found;
  }

  private void tokens(EngineTime time, FlightRecord record, int tokens) {
    String replica = record.replica();
    if (replica != null && tokens >= 0) {
      of(time, record.model(), replica).observe(tokens);
    }
  }

  /** A replica is not in the fleet any more. */
  void forget(String replica) {
    times.values().forEach(each -> each.removeIf(labels -> labels.get(1).equals(replica)));
  }
}

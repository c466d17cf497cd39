package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.discovery.DiscoveryStatus;
import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;

/** What is read from discovery at each scrape; nothing where nobody looks for replicas. */
public final class DiscoveryGauges {
  private final DiscoveryStatus.Source source;
  private final LongSupplier clock;

  /**
   * @param clock epoch milliseconds
   */
  public DiscoveryGauges(DiscoveryStatus.Source source, LongSupplier clock) {
    this.source = source;
    this.clock = clock;
  }

  void register(MetricRegistry made) {
    made.seen(Metric.DISCOVERY_AGE, this::ages);
    made.seen(Metric.DISCOVERY_OBJECTS, to -> watches(to, DiscoveryStatus.Watch::objects));
    made.seen(Metric.DISCOVERY_ENDPOINTS, this::endpoints);
    made.counted(Metric.DISCOVERY_EVENTS, this::events);
    made.counted(Metric.DISCOVERY_FAILURES, this::failures);
    made.counted(Metric.DISCOVERY_PATCHES, this::patches);
  }

  private void ages(GaugeWithCallback.Callback to) {
    long now = clock.getAsLong();
    watches(to, watch -> watch.ageMs(now) / 1e3);
  }

  private void watches(
      GaugeWithCallback.Callback to, ToDoubleFunction<DiscoveryStatus.Watch> value) {
    source.get().watches().forEach(watch -> to.call(value.applyAsDouble(watch), watch.name()));
  }

  private void events(CounterWithCallback.Callback to) {
    source.get().watches().forEach(watch -> to.call((double) watch.events(), watch.name()));
  }

  private void failures(CounterWithCallback.Callback to) {
    for (DiscoveryStatus.Watch watch : source.get().watches()) {
      watch.failures().forEach((why, count) -> to.call((double) count, watch.name(), why.word()));
    }
  }

  /** A model may have several sources. */
  private void endpoints(GaugeWithCallback.Callback to) {
    Map<String, int[]> models = new LinkedHashMap<>();
    for (DiscoveryStatus.Model each : source.get().models()) {
      int[] sums = models.computeIfAbsent(each.model(), model -> new int[3]);
      sums[0] += each.ready();
      sums[1] += each.unready();
      sums[2] += each.terminating();
    }
    models.forEach(
        (model, sums) -> {
          to.call(sums[0], model, "ready");
          to.call(sums[1], model, "unready");
          to.call(sums[2], model, "terminating");
        });
  }

  private void patches(CounterWithCallback.Callback to) {
    DiscoveryStatus now = source.get();
    if (!now.apiServer().isEmpty()) {
      to.call((double) now.patched(), "set");
      to.call((double) now.patchesFailed(), "failed");
    }
  }
}

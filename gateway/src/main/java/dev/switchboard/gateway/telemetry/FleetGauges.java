package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import java.util.Collection;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** What is read from the fleet at each scrape: how old reports are, and how drains go. */
public final class FleetGauges {
  /** An older report says nothing of now. */
  private static final long BELIEVED_NANOS = 10_000_000_000L;

  private final Supplier<? extends Collection<Replica>> fleet;
  private final LongSupplier clock;

  /**
   * @param clock epoch nanoseconds
   */
  public FleetGauges(Supplier<? extends Collection<Replica>> fleet, LongSupplier clock) {
    this.fleet = fleet;
    this.clock = clock;
  }

  void reportAges(GaugeWithCallback.Callback to) {
    long now = clock.getAsLong();
    for (Replica replica : fleet.get()) {
      long at = replica.report().atNanos();
      if (at != 0) {
        to.call((now - at) / 1e9, replica.id());
      }
    }
  }

  /** Of a replica that is gone, or has not reported for long, nothing is told. */
  void reporting(Reporting to) {
    long now = clock.getAsLong();
    for (Replica replica : fleet.get()) {
      ReplicaReport report = replica.report();
      if (replica.state().listening() && now - report.atNanos() < BELIEVED_NANOS) {
        to.report(replica.model(), replica.id(), report);
      }
    }
  }

  /** Takes what replicas report. */
  interface Reporting {
    void report(String model, String replica, ReplicaReport report);
  }

  void drainTimes(GaugeWithCallback.Callback to) {
    for (Replica replica : fleet.get()) {
      Drain drain = replica.drain();
      if (drain != null) {
        to.call(report(replica, drain).durationMs() / 1e3, replica.id());
      }
    }
  }

  void drainRequests(GaugeWithCallback.Callback to) {
    for (Replica replica : fleet.get()) {
      Drain drain = replica.drain();
      if (drain != null) {
        Drain.Report report = report(replica, drain);
        to.call(report.finished(), replica.id(), "finished");
        to.call(report.moved(), replica.id(), "moved");
        to.call(report.restarted(), replica.id(), "restarted");
        to.call(report.abandoned(), replica.id(), "abandoned");
        to.call(report.broken(), replica.id(), "broken");
        to.call(report.remaining(), replica.id(), "remaining");
      }
    }
  }

  private Drain.Report report(Replica replica, Drain drain) {
    return drain.report(replica.inFlight(), clock.getAsLong());
  }
}

package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.timers.Timers;
import io.vertx.core.Vertx;
import java.util.Locale;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures window by window what telemetry takes of the machine, and has the {@link Governor} say
 * how much traces may tell. Of recording, scrapes and the agent's exporting threads it is processor
 * time, so that a busy machine makes none of them look dearer. What the agent does on the event
 * loops is in neither. On a worker thread, one window at a time.
 */
public final class TelemetryWatch implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TelemetryWatch.class);

  private final Metrics metrics;
  private final TraceLevels levels;
  private final NanoClock clock;
  private final ExporterThreads exporter = new ExporterThreads();
  private final Governor governor;
  private final BiConsumer<Governor.State, Governor.State> steps;
  private long exporterNanos;
  private volatile boolean closed;

  TelemetryWatch(
      Metrics metrics,
      TraceLevels levels,
      int cores,
      NanoClock clock,
      BiConsumer<Governor.State, Governor.State> steps) {
    this.metrics = metrics;
    this.levels = levels;
    this.clock = clock;
    this.steps = steps;
    this.governor = new Governor(cores, clock.epochNanos(), metrics.spent());
    tell(governor.state());
  }

  /**
   * Watches until it is closed, which is to be before Vert.x is: that takes no more work then.
   *
   * @param levels get the ceiling, and know the governor's configuration
   * @param cores whose time is shared
   * @param steps told of the governor's, on a worker thread: how it stood, and how it stands
   */
  public static TelemetryWatch start(
      Vertx vertx,
      Timers timers,
      Metrics metrics,
      TraceLevels levels,
      int cores,
      NanoClock clock,
      BiConsumer<Governor.State, Governor.State> steps) {
    TelemetryWatch watch = new TelemetryWatch(metrics, levels, cores, clock, steps);
    watch.next(vertx, timers);
    return watch;
  }

  private void next(Vertx vertx, Timers timers) {
    if (!closed) {
      timers.after(levels.governing().windowMs(), () -> ended(vertx, timers));
    }
  }

  private void ended(Vertx vertx, Timers timers) {
    if (!closed) {
      vertx.executeBlocking(this::look, false).onComplete(looked -> next(vertx, timers));
    }
  }

  @Override
  public void close() {
    closed = true;
  }

  /** A window has ended. */
  Governor.State look() {
    long total = exporter.cpuNanos();
    metrics.exported(total - exporterNanos);
    exporterNanos = total;
    Governor.State before = governor.state();
    Governor.State after = governor.look(levels.governing(), clock.epochNanos(), metrics.spent());
    if (after.sinceNanos() != before.sinceNanos()) {
      boolean down =
          after.ceiling().compareTo(before.ceiling()) < 0 || after.told() < before.told();
      LOG.atLevel(down ? org.slf4j.event.Level.WARN : org.slf4j.event.Level.INFO)
          .log(
              "trace_ceiling level={} before={} told={} cpu_percent={} recording={} scrapes={}"
                  + " export={} allowed={}",
              after.ceiling().level(),
              before.ceiling().level(),
              after.told(),
              percent(after.share()),
              percent(after.shares().recording()),
              percent(after.shares().scrapes()),
              percent(after.shares().export()),
              percent(after.shares().allowed()));
    }
    tell(after);
    if (after.sinceNanos() != before.sinceNanos()) {
      steps.accept(before, after);
    }
    return after;
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.2f", share * 100);
  }

  private void tell(Governor.State state) {
    levels.governed(state);
    metrics.governed(state);
  }
}

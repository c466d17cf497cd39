package dev.switchboard.gateway.autoscaling;

import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.admission.Band;
import dev.switchboard.gateway.autoscaling.AutoscalingConfig.Bounds;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.gateway.slo.SloConfig.SloClass;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongFunction;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Looks at every model once a second and keeps what was decided of its replicas. */
public final class Autoscaling {
  /** Between two looks. */
  public static final int PERIOD_MS = 1000;

  /** An older report says nothing of now. */
  private static final long BELIEVED_NANOS = 10_000_000_000L;

  /** Of what a replica takes, as of late: learned places move with every step of the learning. */
  private static final double SHARE_OF_NEW = 0.1;

  /** Where it looks. */
  public interface Sources {
    AutoscalingConfig config();

    SloConfig slo();

    /** Every replica. */
    Collection<Replica> replicas();
  }

  /**
   * Of one model.
   *
   * @param atMs when it was looked at
   */
  public record Answer(
      int desired,
      long sinceMs,
      String reason,
      Bounds bounds,
      ScaleSignals signals,
      ScaleNeed need,
      long atMs) {}

  private static final class Model {
    final ScaleDecision decision = new ScaleDecision();
    double placesEach = Double.NaN;
    @Nullable Answer answer;
  }

  private final Sources sources;
  private final LongFunction<Map<String, AdmissionQueue.Snapshot>> queues;
  private final LongSupplier clock;
  private final Map<String, Model> models = new ConcurrentHashMap<>();

  /**
   * @param queues of the models at a moment of the clock
   * @param clock epoch nanoseconds
   */
  public Autoscaling(
      Sources sources,
      LongFunction<Map<String, AdmissionQueue.Snapshot>> queues,
      LongSupplier clock) {
    this.sources = sources;
    this.queues = queues;
    this.clock = clock;
  }

  /** Looks at every model; call it every {@link #PERIOD_MS}. */
  public void tick() {
    long now = clock.getAsLong();
    Map<String, List<Replica>> fleet =
        sources.replicas().stream().collect(Collectors.groupingBy(Replica::model));
    models.keySet().retainAll(Set.copyOf(fleet.keySet()));
    Map<String, AdmissionQueue.Snapshot> waiting = queues.apply(now);
    fleet.forEach((model, replicas) -> look(model, replicas, waiting.get(model), now));
  }

  /** What was decided last of a model; null of one that was not looked at yet. */
  public @Nullable Answer of(String model) {
    Model known = models.get(model);
    if (known == null) {
      return null;
    }
    synchronized (known) {
      return known.answer;
    }
  }

  private void look(
      String name, List<Replica> replicas, AdmissionQueue.@Nullable Snapshot queue, long now) {
    AutoscalingConfig config = sources.config();
    Model model = models.computeIfAbsent(name, each -> new Model());
    synchronized (model) {
      ScaleSignals signals = signals(model, replicas, queue, now);
      ScaleNeed need = ScaleNeed.of(signals, config);
      Bounds bounds = config.bounds(name);
      long nowMs = now / 1_000_000;
      ScaleDecision.Decided decided =
          model.decision.decide(
              nowMs, signals.current(), need, bounds, config.upSeconds(), config.downSeconds());
      model.answer =
          new Answer(
              decided.desired(), decided.sinceMs(), decided.reason(), bounds, signals, need, nowMs);
    }
  }

  private ScaleSignals signals(
      Model model, List<Replica> replicas, AdmissionQueue.@Nullable Snapshot queue, long now) {
    List<Replica> ready =
        replicas.stream().filter(each -> each.state() == ReplicaState.READY).toList();
    List<ReplicaReport> reports =
        ready.stream()
            .map(Replica::report)
            .filter(each -> now - each.atNanos() < BELIEVED_NANOS)
            .toList();
    int places = queue == null ? 0 : queue.places();
    if (places > 0 && !ready.isEmpty()) {
      double each = (double) places / ready.size();
      model.placesEach =
          Double.isNaN(model.placesEach)
              ? each
              : model.placesEach + SHARE_OF_NEW * (each - model.placesEach);
    }
    return new ScaleSignals(
        (int) replicas.stream().filter(Autoscaling::counts).count(),
        ready.size(),
        (int) replicas.stream().filter(each -> each.state() == ReplicaState.STANDBY).count(),
        queue == null ? 0 : queue.running(),
        reports.stream().mapToInt(each -> each.running() + each.waiting()).sum(),
        queue == null ? 0 : waiting(queue, Band.SHEDDABLE),
        places,
        model.placesEach,
        queue == null ? 0 : waitMs(queue),
        targetMs(sources.slo()),
        reports.stream()
            .mapToDouble(ReplicaReport::kvUsedRatio)
            .filter(Double::isFinite)
            .average()
            .orElse(Double.NaN));
  }

  /** Takes requests, or will; one that stands by, is emptied or stopped does not count. */
  private static boolean counts(Replica replica) {
    return !replica.leaving()
        && switch (replica.state()) {
          case STARTING, WARMING, READY, EJECTED, RESTARTING -> true;
          case STANDBY, CORDONED, DRAINING, DRAINED, FAILED, STOPPED -> false;
        };
  }

  /** Requests that wait in this band and those above it. */
  private static int waiting(AdmissionQueue.Snapshot queue, Band least) {
    return queue.waiting().entrySet().stream()
        .filter(each -> each.getKey().compareTo(least) <= 0)
        .mapToInt(Map.Entry::getValue)
        .sum();
  }

  /** Batches are sent to wait: they add replicas by their number alone. */
  private static double waitMs(AdmissionQueue.Snapshot queue) {
    int people = waiting(queue, Band.NORMAL);
    if (people == 0) {
      return 0;
    }
    return queue.drainPerSecond() == 0 ? Double.NaN : 1000 * people / queue.drainPerSecond();
  }

  private static double targetMs(SloConfig slo) {
    return slo.classes().stream()
        .filter(each -> each.ttftMs() > 0 && Band.of(each.priority()) != Band.SHEDDABLE)
        .mapToDouble(SloClass::ttftMs)
        .min()
        .orElse(Double.NaN);
  }
}

package dev.switchboard.gateway.explain;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.PhaseBreakdown.Phase;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * How much of a request's time each culprit has, from the phases of its {@link PhaseBreakdown}: the
 * one rule by which a request is explained and by which the cause of a missed objective is found.
 * Two of them need more than the phases. Ranks that wait for each other are one rank's doing only
 * as far as the same one comes last: of evenly spread lateness nothing is charged. Time without a
 * core is a stopped process where one step lost much more of it than the others, else the machine's
 * load.
 *
 * @param nanos of each culprit that has some
 * @param rank that came last to most collectives; null where none is known
 */
public record BlameShares(Map<Culprit, Long> nanos, @Nullable Rank rank) {
  /** A process that others leave no core gets one again sooner than that. */
  private static final long STOP_NANOS = 250_000_000;

  /** A step that lost so many times what the others lose in the mean was stopped. */
  private static final int STOP_FACTOR = 5;

  /** Less than this, or than this share of its wall time, holds nothing up. */
  private static final long LEAST_NANOS = 15_000_000;

  private static final double LEAST_SHARE = 0.05;

  public BlameShares {
    nanos = Map.copyOf(nanos);
  }

  /**
   * A rank that others waited for.
   *
   * @param share of the lateness of its stage's ranks that is its own
   */
  public record Rank(int stage, int rank, double lateMs, double share) {
    /** As lists of requests name it. */
    String place() {
      return stage + "." + rank;
    }
  }

  /** Hears who has how much of a phase. */
  @FunctionalInterface
  public interface Listener {
    void charged(Phase phase, Culprit culprit, long nanos);
  }

  /**
   * Of a request that is over.
   *
   * @param waitedFor ranks that its workers had named as stragglers, as {@code stage.rank}
   */
  static BlameShares of(FlightRecord record, PhaseBreakdown breakdown, List<String> waitedFor) {
    Map<Culprit, Long> nanos = new EnumMap<>(Culprit.class);
    each(record, breakdown, waitedFor, (phase, culprit, part) -> add(nanos, culprit, part));
    nanos.remove(Culprit.OWN_WORK);
    add(nanos, Culprit.LATE_CONNECTION, before(breakdown));
    return new BlameShares(nanos, latest(record));
  }

  /**
   * Tells of every phase who has how much of it, the request's own work included. What was before
   * the request is in no phase.
   *
   * @param waitedFor ranks that its workers had named as stragglers, as {@code stage.rank}
   */
  public static void each(
      FlightRecord record, PhaseBreakdown breakdown, List<String> waitedFor, Listener listener) {
    Shares shares = new Shares(record, breakdown, waitedFor);
    breakdown.forEach(
        (phase, nanos) -> {
          Culprit culprit = culprit(phase);
          long part = (long) (nanos * shares.of(phase, nanos));
          listener.charged(phase, culprit, part);
          Culprit rest =
              culprit == Culprit.STOPPED_WORKER && offCpu(phase)
                  ? Culprit.HOST_CONTENTION
                  : Culprit.OWN_WORK;
          listener.charged(phase, rest, nanos - part);
        });
  }

  private static boolean offCpu(Phase phase) {
    return phase == Phase.PREFILL_OFF_CPU || phase == Phase.DECODE_OFF_CPU;
  }

  /** Who has a phase, or a share of it. */
  private static Culprit culprit(Phase phase) {
    return switch (phase) {
      case ACCEPT -> Culprit.SLOW_BODY;
      case QUEUE, WORKER_QUEUE -> Culprit.LONG_QUEUE;
      case REPLICA_WAIT -> Culprit.NO_REPLICA;
      case RETRY -> Culprit.RETRY;
      case MIGRATION -> Culprit.MIGRATION;
      case GATEWAY_LATE -> Culprit.GATEWAY_LATE;
      case CLIENT_STALL, CLIENT_FLUSH -> Culprit.SLOW_READER;
      case PREFILL_WAIT, DECODE_NEIGHBOUR_PREFILL -> Culprit.NEIGHBOURS_PREFILL;
      case DECODE_WAIT -> Culprit.PREEMPTION;
      case PREFILL_COMPUTE -> Culprit.COLD_PREFIX;
      case PREFILL_COLLECTIVE_WAIT, DECODE_COLLECTIVE_WAIT -> Culprit.SLOW_RANK;
      case SEND, TOKENIZE, PREFILL_OFF_CPU, DECODE_OFF_CPU -> Culprit.STOPPED_WORKER;
      case UPSTREAM_FIRST, UPSTREAM_REST -> Culprit.SLOW_UPSTREAM;
      case SOCKET, TLS -> Culprit.LATE_CONNECTION;
      case PARSE,
          ROUTE,
          CONNECT,
          PREFILL_TRANSFER,
          PREFILL_SAMPLE,
          DECODE_COMPUTE,
          DECODE_TRANSFER,
          DECODE_SAMPLE,
          DETOKENIZE_FLUSH,
          UNEXPLAINED ->
          Culprit.OWN_WORK;
    };
  }

  /** Which part of a phase its culprit has, where that is not all of it. */
  private static final class Shares {
    private final double slowRank;
    private final double cold;
    private final double stopped;
    private final boolean foreign;
    private final boolean preempted;

    Shares(FlightRecord record, PhaseBreakdown breakdown, List<String> waitedFor) {
      slowRank = slowRank(latest(record), waitedFor);
      cold = cold(record);
      stopped = stopped(record, breakdown);
      foreign = record.timelines().isEmpty() && record.moves() == 0;
      preempted = record.timelines().stream().anyMatch(each -> each.preemptions() > 0);
    }

    double of(Phase phase, long nanos) {
      return switch (culprit(phase)) {
        case SLOW_RANK -> slowRank;
        case COLD_PREFIX -> cold;
        // What was sent to a process that stood still lies in its socket, or in its first thread.
        case STOPPED_WORKER -> offCpu(phase) ? stopped : nanos >= STOP_NANOS ? 1 : 0;
        case SLOW_UPSTREAM -> foreign ? 1 : 0;
        case PREEMPTION -> preempted ? 1 : 0;
        case OWN_WORK,
            LATE_CONNECTION,
            SLOW_BODY,
            LONG_QUEUE,
            NO_REPLICA,
            RETRY,
            MIGRATION,
            NEIGHBOURS_PREFILL,
            HOST_CONTENTION,
            GATEWAY_LATE,
            SLOW_READER ->
            1;
      };
    }
  }

  private static void add(Map<Culprit, Long> to, Culprit culprit, long nanos) {
    if (nanos > 0) {
      to.merge(culprit, nanos, Long::sum);
    }
  }

  private static long sum(PhaseBreakdown breakdown, Phase... phases) {
    long sum = 0;
    for (Phase phase : phases) {
      sum += breakdown.nanos(phase);
    }
    return sum;
  }

  private static long before(PhaseBreakdown breakdown) {
    return breakdown.before().values().stream().mapToLong(Long::longValue).sum();
  }

  /** Who has the most of it; nobody where that is little. */
  Culprit worst(long wallNanos) {
    double least = Math.max(LEAST_NANOS, LEAST_SHARE * wallNanos);
    Culprit worst = Culprit.OWN_WORK;
    for (Map.Entry<Culprit, Long> each : nanos.entrySet()) {
      if (each.getValue() >= least && each.getValue() > of(worst)) {
        worst = each.getKey();
      }
    }
    return worst;
  }

  long of(Culprit culprit) {
    return nanos.getOrDefault(culprit, 0L);
  }

  /** A prompt of which less than half was cached: which share of it was computed. */
  private static double cold(FlightRecord record) {
    long computed = 0;
    long cached = 0;
    for (RequestTimeline timeline : record.timelines()) {
      RequestTimeline.Phase prefill = timeline.prefill();
      computed += prefill == null ? 0 : prefill.tokens();
      cached += prefill == null ? 0 : prefill.cachedTokens();
    }
    return computed <= cached ? 0 : (double) computed / (computed + cached);
  }

  // ------------------------------------------------------------------ no core

  private static double stopped(FlightRecord record, PhaseBreakdown breakdown) {
    long all = sum(breakdown, Phase.PREFILL_OFF_CPU, Phase.DECODE_OFF_CPU);
    long stopped = 0;
    for (RequestTimeline timeline : record.timelines()) {
      stopped = Math.max(stopped, stopped(timeline, record.longestGapNanos()));
    }
    return all == 0 ? 0 : Math.min(1, (double) stopped / all);
  }

  /**
   * What steps lost that lost far more than the others of the request, and the time between two
   * steps likewise: a process may be stopped there too.
   *
   * @param gapNanos the longest time between two pieces of content
   */
  private static long stopped(RequestTimeline timeline, long gapNanos) {
    List<Long> losses = new ArrayList<>();
    if (timeline.steps().isEmpty()) {
      slowest(timeline.prefill(), losses);
      slowest(timeline.decode(), losses);
    } else {
      timeline.steps().forEach(step -> losses.add(lost(step)));
    }
    long all = Math.max(lost(timeline), total(losses));
    losses.add(Math.min(gapNanos - longest(timeline), all - total(losses)));
    int steps = steps(timeline.prefill()) + steps(timeline.decode());
    long stopped = 0;
    for (long loss : losses) {
      long others = Math.max(0, all - loss) / Math.max(1, steps - 1);
      stopped += loss >= Math.max(STOP_NANOS, STOP_FACTOR * others) ? loss : 0;
    }
    return stopped;
  }

  private static long longest(RequestTimeline timeline) {
    return Stream.of(timeline.prefill(), timeline.decode())
        .map(phase -> phase == null ? null : phase.slowest())
        .mapToLong(step -> step == null ? 0 : step.endNanos() - step.startNanos())
        .max()
        .orElse(0);
  }

  private static void slowest(RequestTimeline.@Nullable Phase phase, List<Long> to) {
    if (phase != null && phase.slowest() != null) {
      to.add(lost(phase.slowest()));
    }
  }

  private static long total(List<Long> losses) {
    return losses.stream().mapToLong(Long::longValue).sum();
  }

  private static int steps(RequestTimeline.@Nullable Phase phase) {
    return phase == null ? 0 : phase.steps();
  }

  /**
   * The rank that lost most, or all of them: a process that is stopped while its ranks wait for
   * each other wakes up late, without one that had work and no core.
   */
  private static long lost(Step step) {
    long work = step.lanes().stream().mapToLong(BlameShares::work).sum();
    long most = step.lanes().stream().mapToLong(Lane::offCpuNanos).max().orElse(0);
    return Math.max(most, step.endNanos() - step.startNanos() - work);
  }

  private static long work(Lane lane) {
    return lane.computeNanos() + lane.sampleNanos() + lane.copyNanos() + lane.sendNanos();
  }

  private static long lost(RequestTimeline timeline) {
    return Stream.of(timeline.prefill(), timeline.decode())
        .mapToLong(phase -> phase == null ? 0 : phase.critical().offCpuNanos())
        .sum();
  }

  // ------------------------------------------------------------------ ranks

  private static double slowRank(@Nullable Rank rank, List<String> named) {
    if (rank == null || named.contains(rank.place())) {
      return rank == null ? 0 : 1;
    }
    return Math.max(0, 2 * rank.share() - 1);
  }

  /** The one of all stages for which others waited longest. */
  private static @Nullable Rank latest(FlightRecord record) {
    Map<Long, Long> late = new TreeMap<>();
    for (RequestTimeline timeline : record.timelines()) {
      lateness(timeline.prefill(), late);
      lateness(timeline.decode(), late);
    }
    Map.Entry<Long, Long> worst = null;
    for (Map.Entry<Long, Long> each : late.entrySet()) {
      worst = worst == null || each.getValue() > worst.getValue() ? each : worst;
    }
    if (worst == null || worst.getValue() == 0) {
      return null;
    }
    int stage = (int) (worst.getKey() >> 32);
    long ofStage = 0;
    for (Map.Entry<Long, Long> each : late.entrySet()) {
      ofStage += each.getKey() >> 32 == stage ? each.getValue() : 0;
    }
    double share = (double) worst.getValue() / ofStage;
    return new Rank(stage, (int) (long) worst.getKey(), worst.getValue() / 1e6, share);
  }

  private static void lateness(RequestTimeline.@Nullable Phase phase, Map<Long, Long> to) {
    if (phase != null) {
      for (Lane lane : phase.lanes()) {
        to.merge(((long) lane.stage() << 32) | lane.rank(), lane.lateNanos(), Long::sum);
      }
    }
  }
}

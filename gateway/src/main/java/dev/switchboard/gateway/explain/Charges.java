package dev.switchboard.gateway.explain;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.Story;
import dev.switchboard.gateway.flight.Story.Phase;
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
 * How much of a request's time each culprit has, from the phases of its {@link Story}. Two of them
 * need more than the phases. Ranks that wait for each other are one rank's doing only as far as the
 * same one comes last: of evenly spread lateness nothing is charged. Time without a core is a
 * stopped process where one step lost much more of it than the others, else the machine's load.
 *
 * @param nanos of each culprit that has some
 * @param rank that came last to most collectives; null where none is known
 */
record Charges(Map<Culprit, Long> nanos, @Nullable Rank rank) {
  /** A process that others leave no core gets one again sooner than that. */
  private static final long STOP_NANOS = 250_000_000;

  /** A step that lost so many times what the others lose in the mean was stopped. */
  private static final int STOP_FACTOR = 5;

  /** Less than this, or than this share of its wall time, holds nothing up. */
  private static final long LEAST_NANOS = 15_000_000;

  private static final double LEAST_SHARE = 0.05;

  Charges {
    nanos = Map.copyOf(nanos);
  }

  /**
   * A rank that others waited for.
   *
   * @param share of the lateness of its stage's ranks that is its own
   */
  record Rank(int stage, int rank, double lateMs, double share) {
    /** As lists of requests name it. */
    String place() {
      return stage + "." + rank;
    }
  }

  /**
   * Of a request that is over.
   *
   * @param waitedFor ranks that its workers had named as stragglers, as {@code stage.rank}
   */
  static Charges of(FlightRecord record, Story story, List<String> waitedFor) {
    Map<Culprit, Long> nanos = new EnumMap<>(Culprit.class);
    add(nanos, Culprit.LATE_CONNECTION, before(story));
    add(nanos, Culprit.SLOW_BODY, story.nanos(Phase.ACCEPT));
    add(nanos, Culprit.LONG_QUEUE, sum(story, Phase.QUEUE, Phase.WORKER_QUEUE, Phase.PREFILL_WAIT));
    add(nanos, Culprit.NO_REPLICA, story.nanos(Phase.REPLICA_WAIT));
    add(nanos, Culprit.RETRY, story.nanos(Phase.RETRY));
    add(nanos, Culprit.MIGRATION, story.nanos(Phase.MIGRATION));
    add(nanos, Culprit.GATEWAY_LATE, story.nanos(Phase.GATEWAY_LATE));
    add(nanos, Culprit.SLOW_READER, sum(story, Phase.CLIENT_STALL, Phase.CLIENT_FLUSH));
    add(nanos, Culprit.NEIGHBOURS_PREFILL, story.nanos(Phase.DECODE_NEIGHBOUR_PREFILL));
    add(nanos, Culprit.COLD_PREFIX, cold(record, story));
    if (record.timelines().isEmpty() && record.moves() == 0) {
      add(nanos, Culprit.SLOW_UPSTREAM, sum(story, Phase.UPSTREAM_FIRST, Phase.UPSTREAM_REST));
    }
    if (record.timelines().stream().anyMatch(each -> each.preemptions() > 0)) {
      add(nanos, Culprit.PREEMPTION, story.nanos(Phase.DECODE_WAIT));
    }
    withoutCore(nanos, record, story);
    Rank rank = latest(record);
    add(nanos, Culprit.SLOW_RANK, waitedFor(story, rank, waitedFor));
    return new Charges(nanos, rank);
  }

  private static void add(Map<Culprit, Long> to, Culprit culprit, long nanos) {
    if (nanos > 0) {
      to.merge(culprit, nanos, Long::sum);
    }
  }

  private static long sum(Story story, Phase... phases) {
    long sum = 0;
    for (Phase phase : phases) {
      sum += story.nanos(phase);
    }
    return sum;
  }

  private static long before(Story story) {
    return story.before().values().stream().mapToLong(Long::longValue).sum();
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

  /** Computing a prompt of which less than half was cached. */
  private static long cold(FlightRecord record, Story story) {
    long computed = 0;
    long cached = 0;
    for (RequestTimeline timeline : record.timelines()) {
      RequestTimeline.Phase prefill = timeline.prefill();
      computed += prefill == null ? 0 : prefill.tokens();
      cached += prefill == null ? 0 : prefill.cachedTokens();
    }
    long nanos = story.nanos(Phase.PREFILL_COMPUTE);
    return computed <= cached ? 0 : nanos * computed / (computed + cached);
  }

  // ------------------------------------------------------------------ no core

  private static void withoutCore(Map<Culprit, Long> to, FlightRecord record, Story story) {
    long all = sum(story, Phase.PREFILL_OFF_CPU, Phase.DECODE_OFF_CPU);
    long stopped = 0;
    for (RequestTimeline timeline : record.timelines()) {
      stopped = Math.max(stopped, stopped(timeline));
    }
    stopped = Math.min(stopped, all);
    add(to, Culprit.HOST_CONTENTION, all - stopped);
    add(to, Culprit.STOPPED_WORKER, stopped + unanswered(story));
  }

  /** What was sent to a process that stood still lies in its socket, or in its first thread. */
  private static long unanswered(Story story) {
    long nanos = 0;
    for (Phase phase : List.of(Phase.SEND, Phase.TOKENIZE)) {
      nanos += story.nanos(phase) >= STOP_NANOS ? story.nanos(phase) : 0;
    }
    return nanos;
  }

  /** What steps lost that lost far more than the others of the request. */
  private static long stopped(RequestTimeline timeline) {
    List<Long> losses = new ArrayList<>();
    if (timeline.steps().isEmpty()) {
      slowest(timeline.prefill(), losses);
      slowest(timeline.decode(), losses);
    } else {
      timeline.steps().forEach(step -> losses.add(lost(step)));
    }
    long all = timeline.steps().isEmpty() ? lost(timeline) : total(losses);
    int steps = steps(timeline.prefill()) + steps(timeline.decode());
    long stopped = 0;
    for (long loss : losses) {
      long others = Math.max(0, all - loss) / Math.max(1, steps - 1);
      stopped += loss >= Math.max(STOP_NANOS, STOP_FACTOR * others) ? loss : 0;
    }
    return stopped;
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
    long work = step.lanes().stream().mapToLong(Charges::work).sum();
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

  private static long waitedFor(Story story, @Nullable Rank rank, List<String> named) {
    long nanos = sum(story, Phase.PREFILL_COLLECTIVE_WAIT, Phase.DECODE_COLLECTIVE_WAIT);
    if (rank == null || named.contains(rank.place())) {
      return rank == null ? 0 : nanos;
    }
    return (long) (nanos * Math.max(0, 2 * rank.share() - 1));
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

package dev.switchboard.scheduler;

import dev.switchboard.timeline.Collective;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether every rank still answers.
 *
 * @param failure what took the engine out for good (a hang, a broken invariant); null while it
 *     works
 * @param scores how the ranks of each stage compare, one for each rank
 * @param times where the time of each rank went
 * @param spreads how far apart ranks arrived at collectives, for each stage and kind that had any
 */
public record EngineHealth(
    @Nullable String failure,
    List<RankHeartbeat> ranks,
    List<RankScore> scores,
    List<RankTimes> times,
    List<Spread> spreads) {
  public EngineHealth {
    ranks = List.copyOf(ranks);
    scores = List.copyOf(scores);
    times = List.copyOf(times);
    spreads = List.copyOf(spreads);
  }

  /**
   * @param finishedStep last step this rank finished, ageMillis ago
   * @param currentStep the one it works on; 0 when idle
   * @param currentMillis how long it has
   */
  public record RankHeartbeat(
      int stage,
      int rank,
      long finishedStep,
      long ageMillis,
      long currentStep,
      long currentMillis) {}

  /**
   * How a rank compares with the others of its stage.
   *
   * @param score its median step over that of the fastest rank of its stage, over the last steps; 1
   *     while nothing is known
   * @param straggler whether it is named for holding up the others by its own slowness
   * @param lateNanos time that others waited for it since the start
   * @param waitedNanos time that it waited for others
   */
  public record RankScore(
      int stage, int rank, double score, boolean straggler, long lateNanos, long waitedNanos) {
    /** The same of a rank that nothing is known of. */
    RankScore unnamed() {
      return new RankScore(stage, rank, 1, false, lateNanos, waitedNanos);
    }
  }

  /**
   * Where the time of a rank went since the start, each step counted once.
   *
   * @param offCpuNanos it had work and no core
   * @param steps in which it worked
   * @param bytes read to compute, and moved to others
   */
  public record RankTimes(
      int stage,
      int rank,
      long steps,
      long computeNanos,
      long allReduceWaitNanos,
      long receiveWaitNanos,
      long sendNanos,
      long sampleNanos,
      long copyNanos,
      long offCpuNanos,
      long bytes) {}

  /**
   * Of the steps whose largest spread of arrivals in a stage was at this kind of collective.
   *
   * @param counts of these spreads, between the bounds of {@link Collective#spreadBounds}
   */
  public record Spread(int stage, Collective.Kind kind, long sumNanos, List<Long> counts) {
    public Spread {
      counts = List.copyOf(counts);
    }
  }
}

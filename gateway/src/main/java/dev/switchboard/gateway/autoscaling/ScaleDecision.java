package dev.switchboard.gateway.autoscaling;

import dev.switchboard.gateway.autoscaling.AutoscalingConfig.Bounds;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * How many replicas of one model are desired. Up at once to what was needed all through the last
 * {@code up-seconds}, so that a burst that is over sooner adds none; down to the most that was
 * worth keeping in the last {@code down-seconds}. Between what adds one and what removes one lies a
 * margin, so noise about a threshold changes the number once. Nothing is changed by a window that
 * was not seen whole. Not safe for several threads.
 */
final class ScaleDecision {
  private record Sample(long atMs, int needed, int keep) {}

  private final Deque<Sample> samples = new ArrayDeque<>();

  /** The time of the first sample. */
  private long firstMs;

  private int desired;
  private long sinceMs;

  /**
   * What was decided.
   *
   * @param sinceMs when it became this number
   * @param cause what it goes by
   * @param reason in a sentence or two
   */
  record Decided(int desired, long sinceMs, ScaleCause cause, String reason) {}

  /**
   * Decides anew.
   *
   * @param current replicas that there are: what is desired first
   */
  Decided decide(
      long nowMs, int current, ScaleNeed need, Bounds bounds, int upSeconds, int downSeconds) {
    if (samples.isEmpty()) {
      firstMs = nowMs;
      become(bounds.clamp(current), nowMs);
    }
    become(bounds.clamp(desired), nowMs);
    samples.addLast(new Sample(nowMs, need.replicas(), need.keep()));
    long longestMs = 1000L * Math.max(upSeconds, downSeconds);
    while (samples.getFirst().atMs() < nowMs - longestMs) {
      samples.removeFirst();
    }
    int raised = bounds.clamp(leastNeeded(nowMs, 1000L * upSeconds));
    int lowered = bounds.clamp(mostKept(nowMs, 1000L * downSeconds));
    if (raised > desired) {
      become(raised, nowMs);
    } else if (lowered < desired) {
      become(lowered, nowMs);
    }
    return decided(need, bounds, upSeconds, downSeconds);
  }

  private void become(int replicas, long nowMs) {
    if (replicas != desired) {
      desired = replicas;
      sinceMs = nowMs;
    }
  }

  private int leastNeeded(long nowMs, long windowMs) {
    if (nowMs - firstMs < windowMs) {
      return 0;
    }
    int least = Integer.MAX_VALUE;
    for (Sample each : samples) {
      least = each.atMs() >= nowMs - windowMs ? Math.min(least, each.needed()) : least;
    }
    return least;
  }

  private int mostKept(long nowMs, long windowMs) {
    if (nowMs - firstMs < windowMs) {
      return Integer.MAX_VALUE;
    }
    int most = 0;
    for (Sample each : samples) {
      most = each.atMs() >= nowMs - windowMs ? Math.max(most, each.keep()) : most;
    }
    return most;
  }

  private Decided decided(ScaleNeed need, Bounds bounds, int upSeconds, int downSeconds) {
    int wanted = bounds.clamp(need.replicas());
    if (wanted > desired) {
      return decided(
          ScaleCause.COOLDOWN,
          need,
          " More than " + desired + " once that held for " + upSeconds + " s.");
    }
    if (wanted < desired) {
      return decided(
          ScaleCause.COOLDOWN,
          need,
          " Kept at "
              + desired
              + " until fewer were enough, with a margin, for "
              + downSeconds
              + " s.");
    }
    if (need.replicas() > bounds.max()) {
      return decided(
          ScaleCause.CEILING, need, " Cannot scale, at max: " + bounds.max() + " may be.");
    }
    return need.replicas() < bounds.min()
        ? decided(ScaleCause.FLOOR, need, " The least that may be is " + bounds.min() + ".")
        : decided(need.cause(), need, "");
  }

  private Decided decided(ScaleCause cause, ScaleNeed need, String more) {
    return new Decided(desired, sinceMs, cause, need.why() + more);
  }
}

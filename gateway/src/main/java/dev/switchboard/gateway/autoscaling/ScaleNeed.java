package dev.switchboard.gateway.autoscaling;

import java.util.Locale;

/**
 * How many replicas each signal asks for at a moment, the most of which are needed. Requests need
 * places, sequences need KV, and those who wait longer than their target need more than there are.
 *
 * @param work by requests that run and wait; 0 where no place was seen yet, as of the others
 * @param waiting by the predicted wait
 * @param kv by the KV that sequences hold
 * @param replicas the most of these
 * @param keep the same where fewer would have room for a little more: what is between neither adds
 *     nor removes any
 * @param why the signal that asks for the most, in words
 */
public record ScaleNeed(int work, int waiting, int kv, int replicas, int keep, String why) {
  /** Fewer replicas must be no busier than this part of what they may be. */
  private static final double KEEP = 0.85;

  /** However long the wait, at once: it says that more are needed, and little of how many. */
  private static final int MOST_TIMES = 2;

  private static final double ROUNDING = 1e-9;

  /** By the signals alone. */
  static ScaleNeed of(ScaleSignals now, AutoscalingConfig config) {
    int work = work(now, config.busyRatio());
    int wait = wait(now);
    int kv = kv(now, config.kvRatio());
    int replicas = Math.max(work, Math.max(wait, kv));
    if (replicas == 0 && Double.isNaN(now.placesEach())) {
      return new ScaleNeed(0, 0, 0, now.current(), now.current(), "Nothing was measured yet.");
    }
    int keep =
        Math.max(
            work(now, KEEP * config.busyRatio()), Math.max(wait, kv(now, KEEP * config.kvRatio())));
    return new ScaleNeed(work, wait, kv, replicas, keep, why(now, config, work, wait, kv));
  }

  private static int work(ScaleSignals now, double ratio) {
    return Double.isNaN(now.placesEach())
        ? 0
        : up(now.work() / (ratio * Math.max(1, now.placesEach())));
  }

  private static int wait(ScaleSignals now) {
    return now.waitMs() > now.targetMs()
        ? up(now.ready() * Math.min(MOST_TIMES, now.waitMs() / now.targetMs()))
        : 0;
  }

  private static int kv(ScaleSignals now, double ratio) {
    return Double.isNaN(now.kvUsed()) ? 0 : up(now.ready() * now.kvUsed() / ratio);
  }

  private static int up(double replicas) {
    return (int) Math.ceil(replicas - ROUNDING);
  }

  private static String why(
      ScaleSignals now, AutoscalingConfig config, int work, int wait, int kv) {
    if (wait > work && wait > kv) {
      return said(
          "A request would wait %.0f ms for a place, and the shortest target is %.0f ms: %d.",
          now.waitMs(), now.targetMs(), wait);
    }
    if (kv > work) {
      return said(
          "Sequences hold %.0f %% of the KV of %d replicas, and may hold %.0f %%: %d.",
          100 * now.kvUsed(), now.ready(), 100 * config.kvRatio(), kv);
    }
    return said(
        "%d requests run or wait, a replica has %.1f places, and %.0f %% of them may be taken: %d.",
        now.work(), now.placesEach(), 100 * config.busyRatio(), work);
  }

  @SuppressWarnings("AnnotateFormatMethod") // The annotation would be a dependency of its own.
  private static String said(String sentence, Object... numbers) {
    return String.format(Locale.ROOT, sentence, numbers);
  }
}

package dev.switchboard.gateway.autoscaling;

import java.util.Locale;

/**
 * How many replicas each signal asks for at a moment, the most of which are needed: places for the
 * load that people are expected to bring by the time that a replica started now would be ready,
 * with what is kept free beyond it; what waits, to be served soon, and batches before they have
 * waited for too long; KV for sequences. Nothing to do needs none.
 *
 * @param headroom by the predicted load; 0 where no place was seen yet, as of the others
 * @param queue by the tokens that wait, beside the present load
 * @param kv by the KV that sequences hold
 * @param replicas the most of these
 * @param keep the same where fewer would have room for a little more: what is between neither adds
 *     nor removes any
 * @param cause the signal that asks for the most
 * @param why the same in words
 */
public record ScaleNeed(
    int headroom, int queue, int kv, int replicas, int keep, ScaleCause cause, String why) {
  /** Fewer replicas must be no busier than this part of what they may be. */
  private static final double KEEP = 0.9;

  /** What people wait for is to be served within this. */
  private static final double CLEAR_SECONDS = 10;

  /** Of what a batch may wait, the part within which what waits is to be served. */
  private static final double OF_PATIENCE = 0.5;

  private static final double ROUNDING = 1e-9;

  /** By the signals and what is expected of them. */
  static ScaleNeed of(
      ScaleSignals now, LoadForecast forecast, double startMs, AutoscalingConfig config) {
    if (Double.isNaN(now.placesEach()) && Double.isNaN(now.kvUsed())) {
      int there = Math.max(now.current(), now.waiting() > 0 ? 1 : 0);
      return new ScaleNeed(
          0, 0, 0, there, there, ScaleCause.UNKNOWN, "Nothing was measured yet: " + there + ".");
    }
    int headroom = headroom(now, forecast, startMs, config.busyRatio());
    int queue = queue(now, forecast, config.busyRatio());
    int kv = kv(now, config.kvRatio());
    int keep =
        Math.max(
            headroom(now, forecast, startMs, KEEP * config.busyRatio()),
            Math.max(queue, kv(now, KEEP * config.kvRatio())));
    int most = Math.max(headroom, Math.max(queue, kv));
    if (kv > headroom && kv >= queue) {
      return new ScaleNeed(headroom, queue, kv, most, keep, ScaleCause.KV, whyKv(now, config, kv));
    }
    return queue > headroom
        ? new ScaleNeed(headroom, queue, kv, most, keep, ScaleCause.QUEUE, whyQueue(now, queue))
        : new ScaleNeed(
            headroom,
            queue,
            kv,
            most,
            keep,
            ScaleCause.HEADROOM,
            whyHeadroom(now, forecast, startMs, config, headroom));
  }

  private static int headroom(
      ScaleSignals now, LoadForecast forecast, double startMs, double ratio) {
    if (Double.isNaN(now.placesEach()) || (now.work() == 0 && forecast.idle())) {
      return 0;
    }
    double places = forecast.ahead(startMs) / ratio + forecast.spare();
    return up(places / Math.max(1, now.placesEach()));
  }

  private static int queue(ScaleSignals now, LoadForecast forecast, double ratio) {
    if (!now.paced() || now.waiting() == 0) {
      return 0;
    }
    double places =
        forecast.level() / ratio
            + now.queuedTokens() / (now.placeTokens() * CLEAR_SECONDS)
            + now.batchTokens() / (now.placeTokens() * OF_PATIENCE * now.patienceMs() / 1e3);
    return up(places / Math.max(1, now.placesEach()));
  }

  private static int kv(ScaleSignals now, double ratio) {
    return Double.isNaN(now.kvUsed()) ? 0 : up(now.ready() * now.kvUsed() / ratio);
  }

  private static int up(double replicas) {
    return (int) Math.ceil(replicas - ROUNDING);
  }

  private static String whyHeadroom(
      ScaleSignals now,
      LoadForecast forecast,
      double startMs,
      AutoscalingConfig config,
      int replicas) {
    return said(
        "The load takes %.1f places, and %.1f are expected in %.0f s, when a replica that starts"
            + " now is ready; a replica has %.1f, of which %.0f %% may be taken, and %.1f are kept"
            + " free beside: %d.",
        forecast.level(),
        forecast.ahead(startMs),
        startMs / 1e3,
        now.placesEach(),
        100 * config.busyRatio(),
        forecast.spare(),
        replicas);
  }

  private static String whyQueue(ScaleSignals now, int replicas) {
    return said(
        "%.0f tokens of people and %.0f of batches wait, and a place serves %.1f in a second: %d.",
        now.queuedTokens(), now.batchTokens(), now.placeTokens(), replicas);
  }

  private static String whyKv(ScaleSignals now, AutoscalingConfig config, int replicas) {
    return said(
        "Sequences hold %.0f %% of the KV of %d replicas, and may hold %.0f %%: %d.",
        100 * now.kvUsed(), now.ready(), 100 * config.kvRatio(), replicas);
  }

  @SuppressWarnings("AnnotateFormatMethod") // The annotation would be a dependency of its own.
  private static String said(String sentence, Object... numbers) {
    return String.format(Locale.ROOT, sentence, numbers);
  }
}

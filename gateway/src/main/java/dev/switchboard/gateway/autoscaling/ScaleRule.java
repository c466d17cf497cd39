package dev.switchboard.gateway.autoscaling;

import dev.switchboard.gateway.autoscaling.AutoscalingConfig.Bounds;

/**
 * How many replicas of one model are desired: what is needed at each moment by {@link ScaleNeed},
 * told what {@link LoadForecast} expects, with the hysteresis of {@link ScaleDecision}. A model
 * that may have none has one at once when a request comes, and none again when nothing came for
 * long. The gateway and the simulation of a day run this class. Not safe for several threads.
 */
public final class ScaleRule {
  private final LoadForecast forecast = new LoadForecast();
  private final StartTimes starts = new StartTimes();
  private final ScaleDecision decision = new ScaleDecision();
  private long workedMs = Long.MIN_VALUE;

  /**
   * What was decided.
   *
   * @param sinceMs when it became this number
   * @param cause what it goes by
   * @param reason in a sentence or two
   * @param startMs that a replica takes until it is ready
   */
  public record Decided(
      int desired, long sinceMs, ScaleCause cause, String reason, ScaleNeed need, double startMs) {

    /** More are needed than there may be. */
    public boolean atMax() {
      return cause == ScaleCause.CEILING;
    }
  }

  /** Decides anew; call it once a second. */
  public Decided decide(long nowMs, ScaleSignals now, AutoscalingConfig config, Bounds bounds) {
    starts.observe(nowMs, now);
    double startMs = starts.meanMs(config.startSeconds());
    forecast.observe(nowMs, now, startMs);
    ScaleNeed need = ScaleNeed.of(now, forecast, startMs, config);
    ScaleDecision.Decided decided =
        decision.decide(
            nowMs,
            now.current(),
            need,
            awake(nowMs, now, config, bounds),
            config.upSeconds(),
            config.downSeconds());
    return new Decided(
        decided.desired(), decided.sinceMs(), decided.cause(), decided.reason(), need, startMs);
  }

  /** One at least, where there is work or was of late. */
  private Bounds awake(long nowMs, ScaleSignals now, AutoscalingConfig config, Bounds bounds) {
    if (now.work() > 0) {
      workedMs = nowMs;
    }
    boolean asleep = workedMs == Long.MIN_VALUE || nowMs - workedMs >= 1000L * config.idleSeconds();
    return bounds.min() > 0 || asleep ? bounds : new Bounds(1, Math.max(1, bounds.max()));
  }
}

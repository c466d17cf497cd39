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

  /** Of the last work that was seen; until then of the first look. */
  private long workedMs = Long.MIN_VALUE;

  private boolean worked;
  private double offeredTokens = Double.NaN;

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

  /**
   * One at least, where there is work or was of late. Between two looks a short request comes and
   * ends, of which only the sum of what people offered tells. Who has just begun to look knows
   * nothing of before: as long as there are replicas, somebody may have had work.
   */
  private Bounds awake(long nowMs, ScaleSignals now, AutoscalingConfig config, Bounds bounds) {
    boolean works = now.work() > 0 || now.offeredTokens() > offeredTokens;
    if (works || workedMs == Long.MIN_VALUE) {
      workedMs = nowMs;
    }
    worked |= works;
    offeredTokens = now.offeredTokens();
    boolean unused = !worked && now.current() == 0;
    boolean asleep = unused || nowMs - workedMs >= 1000L * config.idleSeconds();
    return bounds.min() > 0 || asleep ? bounds : new Bounds(1, Math.max(1, bounds.max()));
  }
}

package dev.switchboard.gateway.slo;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a request that ended says of the service.
 *
 * @param answered whether it ended well
 * @param ttftNanos negative where it has none, as the two others
 * @param judged the objectives that it had
 */
public record SloResult(
    boolean answered, long ttftNanos, long tpotNanos, long wallNanos, List<Judged> judged) {
  /**
   * Whether one of its objectives was met.
   *
   * @param missedFor null when it was
   * @param lateMicros how much later than its target; 0 where it was met, or not answered
   */
  public record Judged(Objective objective, @Nullable SloCause missedFor, long lateMicros) {}

  public SloResult {
    judged = List.copyOf(judged);
  }

  /** The same without its times. */
  public SloResult verdicts() {
    return new SloResult(answered, -1, -1, -1, judged);
  }

  /** Its times alone. */
  public SloResult times() {
    return new SloResult(answered, ttftNanos, tpotNanos, wallNanos, List.of());
  }
}

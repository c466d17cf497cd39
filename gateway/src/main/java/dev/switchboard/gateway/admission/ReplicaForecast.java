package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.routing.Forecast;
import dev.switchboard.gateway.routing.Headroom;
import dev.switchboard.gateway.routing.LatencyTarget;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.slo.Slo;
import java.util.List;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Predicts from what routing learned of a model's replicas. What it said last is kept, since the
 * queue asks several things of one request. Guarded by the queue's lock.
 */
public final class ReplicaForecast implements WaitPredictor {
  private static final double NANOS_PER_MS = 1e6;

  private final LongFunction<List<ReplicaView>> replicas;
  private @Nullable Demand asked;
  private long askedNanos;
  private Forecast said = Forecast.UNKNOWN;

  /**
   * @param replicas of the model, at a moment of the queue's clock
   */
  public ReplicaForecast(LongFunction<List<ReplicaView>> replicas) {
    this.replicas = replicas;
  }

  @Override
  public long ttftNanos(Demand demand, long nowNanos) {
    return nanos(forecast(demand, nowNanos).ttftMs());
  }

  @Override
  public long ttftP90Nanos(Demand demand, long nowNanos) {
    return nanos(forecast(demand, nowNanos).ttftP90Ms());
  }

  @Override
  public long usualEndNanos(Demand demand, long nowNanos) {
    return nanos(forecast(demand, nowNanos).endMs());
  }

  @Override
  public long endNanos(Demand demand, long nowNanos) {
    return nanos(forecast(demand, nowNanos).likelyEndMs());
  }

  @Override
  public int rooms(LatencyTarget promise, double promptTokens, long nowNanos) {
    return Headroom.rooms(replicas.apply(nowNanos), promise, promptTokens, nowNanos);
  }

  @Override
  public LatencyTarget alone(double promptTokens, long nowNanos) {
    return Headroom.alone(replicas.apply(nowNanos), promptTokens, nowNanos);
  }

  private static long nanos(double millis) {
    return Double.isNaN(millis) ? UNKNOWN : (long) (millis * NANOS_PER_MS);
  }

  /**
   * As the least urgent request finds it, with all that waits before it: forecasts without those
   * behind let in more than could be served in time under twice the load.
   */
  @SuppressWarnings("ReferenceEquality") // Of one question the demand is the same object.
  private Forecast forecast(Demand demand, long nowNanos) {
    if (demand != asked || nowNanos != askedNanos) {
      said =
          Forecast.of(
              replicas.apply(nowNanos),
              demand.prompt(),
              demand.outputTokens(),
              Slo.MIN_PRIORITY,
              nowNanos);
      asked = demand;
      askedNanos = nowNanos;
    }
    return said;
  }
}

package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.routing.Forecast;
import dev.switchboard.gateway.routing.ReplicaView;
import java.util.List;
import java.util.function.LongFunction;

/**
 * Predicts from what routing learned of a model's replicas.
 *
 * @param replicas of the model, at a moment of the queue's clock
 */
public record ReplicaForecast(LongFunction<List<ReplicaView>> replicas) implements WaitPredictor {
  private static final double NANOS_PER_MS = 1e6;

  @Override
  public long ttftNanos(Demand demand, long nowNanos) {
    Forecast forecast = forecast(demand, nowNanos);
    return forecast.known() ? (long) (forecast.ttftMs() * NANOS_PER_MS) : UNKNOWN;
  }

  @Override
  public long endNanos(Demand demand, long nowNanos) {
    Forecast forecast = forecast(demand, nowNanos);
    return forecast.known() ? (long) (forecast.endP90Ms() * NANOS_PER_MS) : UNKNOWN;
  }

  private Forecast forecast(Demand demand, long nowNanos) {
    return Forecast.of(
        replicas.apply(nowNanos), demand.promptTokens(), demand.outputTokens(), nowNanos);
  }
}

package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.admission.Demand;
import dev.switchboard.gateway.admission.WaitPredictor;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.routing.Forecast;

/** Tells the admission of a model what was learned of its replicas. */
record FleetForecast(Fleet fleet, String model) implements WaitPredictor {
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
        fleet.views(model, nowNanos), demand.promptTokens(), demand.outputTokens(), nowNanos);
  }
}

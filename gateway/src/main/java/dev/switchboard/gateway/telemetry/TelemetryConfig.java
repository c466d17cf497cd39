package dev.switchboard.gateway.telemetry;

import java.util.List;

/**
 * What is told of requests.
 *
 * @param traceLevel of models that have none of their own, 0 to 3 as {@link TraceDetail}
 * @param traceTenants whose requests may ask for more than that
 * @param governor when the gateway holds that back by itself
 */
public record TelemetryConfig(int traceLevel, List<String> traceTenants, Governor.Config governor) {
  public static final TelemetryConfig DEFAULTS =
      new TelemetryConfig(TraceDetail.RANKS.level(), List.of("default"), Governor.Config.DEFAULTS);

  public TelemetryConfig {
    traceTenants = List.copyOf(traceTenants);
    if (traceLevel < 0 || traceLevel > TraceDetail.STEPS.level()) {
      throw new IllegalArgumentException("trace-level must be 0 to 3, not " + traceLevel);
    }
  }

  TraceDetail traceDetail() {
    return TraceDetail.of(traceLevel);
  }
}

package dev.switchboard.gateway.telemetry;

import java.util.List;

/**
 * What is told of requests.
 *
 * @param traceLevel of models that have none of their own, 0 to 3 as {@link TraceDetail}
 * @param traceTenants whose requests may ask for more than that
 * @param exemplarsPerSecond requests whose traces the metrics point to, at most
 * @param keptTracesPerSecond traces that are exported though nothing sampled them, at most;
 *     exemplars come on top
 * @param logRequests the log has a line of every request's end, not only of those that failed
 * @param replicaEngineNames the metrics tell what replicas hold under the names of vLLM too
 * @param governor when the gateway holds that back by itself
 */
public record TelemetryConfig(
    int traceLevel,
    List<String> traceTenants,
    int exemplarsPerSecond,
    int keptTracesPerSecond,
    boolean logRequests,
    boolean replicaEngineNames,
    Governor.Config governor) {
  public static final TelemetryConfig DEFAULTS =
      new TelemetryConfig(
          TraceDetail.RANKS.level(),
          List.of("default"),
          10,
          50,
          false,
          false,
          Governor.Config.DEFAULTS);

  public TelemetryConfig {
    traceTenants = List.copyOf(traceTenants);
    range("trace-level", traceLevel, TraceDetail.STEPS.level());
    range("exemplars-per-second", exemplarsPerSecond, 1000);
    range("kept-traces-per-second", keptTracesPerSecond, 10_000);
  }

  private static void range(String name, int value, int most) {
    if (value < 0 || value > most) {
      throw new IllegalArgumentException(name + " must be 0 to " + most + ", not " + value);
    }
  }

  TraceDetail traceDetail() {
    return TraceDetail.of(traceLevel);
  }
}

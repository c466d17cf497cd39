package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.fleet.ReplicaReport;

/**
 * What replicas hold, under the names that dashboards, autoscalers and endpoint pickers ask vLLM
 * for. Told where {@link TelemetryConfig#replicaEngineNames} says so, with vLLM's label {@code
 * model_name} and ours, {@code replica}.
 */
public enum EngineName {
  RUNNING("num_requests_running", "Sequences that a replica computes.") {
    @Override
    double of(ReplicaReport report) {
      return report.running();
    }
  },
  WAITING("num_requests_waiting", "Sequences that wait at a replica.") {
    @Override
    double of(ReplicaReport report) {
      return report.waiting();
    }
  },
  KV_USED(
      "kv_cache_usage_perc",
      "Share of a replica's KV that sequences hold, 0 to 1; missing of a server that does not"
          + " say.") {
    @Override
    double of(ReplicaReport report) {
      return report.kvUsedRatio();
    }
  };

  private static final String PREFIX = "vllm:";

  private final String word;
  private final String help;

  EngineName(String word, String help) {
    this.word = PREFIX + word;
    this.help = help;
  }

  /** Not a number where the replica does not say. */
  abstract double of(ReplicaReport report);

  /** The name of its series. */
  public String word() {
    return word;
  }

  public String help() {
    return help;
  }
}

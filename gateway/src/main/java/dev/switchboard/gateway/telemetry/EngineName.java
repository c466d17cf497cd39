package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.fleet.ReplicaReport;

/**
 * What replicas tell of themselves, under the names that dashboards, autoscalers and endpoint
 * pickers ask vLLM for. Told where {@link TelemetryConfig#replicaEngineNames} says so, with vLLM's
 * label {@code model_name} and ours, {@code replica}.
 */
public enum EngineName {
  RUNNING("num_requests_running", Metric.Type.GAUGE, "Sequences that a replica computes.") {
    @Override
    double of(ReplicaReport report) {
      return report.running();
    }
  },
  WAITING("num_requests_waiting", Metric.Type.GAUGE, "Sequences that wait at a replica.") {
    @Override
    double of(ReplicaReport report) {
      return report.waiting();
    }
  },
  KV_USED(
      "kv_cache_usage_perc",
      Metric.Type.GAUGE,
      "Share of a replica's KV that sequences hold, 0 to 1; missing of a server that does not"
          + " say.") {
    @Override
    double of(ReplicaReport report) {
      return report.kvUsedRatio();
    }
  },
  PREFIX_QUERIES(
      "prefix_cache_queries",
      Metric.Type.COUNTER,
      "Prompt tokens looked up in a replica's prefix cache.") {
    @Override
    double of(ReplicaReport report) {
      return report.prefixLookupTokens();
    }
  },
  PREFIX_HITS("prefix_cache_hits", Metric.Type.COUNTER, "Of these, found there.") {
    @Override
    double of(ReplicaReport report) {
      return report.prefixHitTokens();
    }
  },
  PREEMPTIONS("num_preemptions", Metric.Type.COUNTER, "Sequences put back for others.") {
    @Override
    double of(ReplicaReport report) {
      return report.preemptions();
    }
  },
  PROMPT_TOKENS(
      "prompt_tokens",
      Metric.Type.COUNTER,
      "Prompt tokens that a replica read, canaries among them.") {
    @Override
    double of(ReplicaReport report) {
      return report.promptTokens();
    }
  },
  GENERATION_TOKENS(
      "generation_tokens",
      Metric.Type.COUNTER,
      "Tokens that a replica generated, canaries among them.") {
    @Override
    double of(ReplicaReport report) {
      return report.generatedTokens();
    }
  };

  static final String PREFIX = "vllm:";

  private final String stem;
  private final Metric.Type type;
  private final String help;

  EngineName(String stem, Metric.Type type, String help) {
    this.stem = PREFIX + stem;
    this.type = type;
    this.help = help;
  }

  /** Not a number where the replica does not say. */
  abstract double of(ReplicaReport report);

  /** Its name, for a counter without {@code _total}. */
  String stem() {
    return stem;
  }

  /** The name of its series. */
  public String word() {
    return type == Metric.Type.COUNTER ? stem + "_total" : stem;
  }

  public Metric.Type type() {
    return type;
  }

  public String help() {
    return help;
  }
}

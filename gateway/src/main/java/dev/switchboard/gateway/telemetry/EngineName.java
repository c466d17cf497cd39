package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.fleet.ReplicaReport;
import java.util.function.ToDoubleFunction;

/**
 * What replicas tell of themselves, under the names that dashboards, autoscalers and endpoint
 * pickers ask vLLM for. Told where {@link TelemetryConfig#replicaEngineNames} says so, with vLLM's
 * label {@code model_name} and ours, {@code replica}.
 */
public enum EngineName {
  RUNNING(
      "num_requests_running",
      Metric.Type.GAUGE,
      "Sequences that a replica computes.",
      ReplicaReport::running),
  WAITING(
      "num_requests_waiting",
      Metric.Type.GAUGE,
      "Sequences that wait at a replica.",
      ReplicaReport::waiting),
  KV_USED(
      "kv_cache_usage_perc",
      Metric.Type.GAUGE,
      "Share of a replica's KV that sequences hold, 0 to 1; missing of a server that does not"
          + " say.",
      ReplicaReport::kvUsedRatio),
  PREFIX_QUERIES(
      "prefix_cache_queries",
      Metric.Type.COUNTER,
      "Prompt tokens looked up in a replica's prefix cache.",
      ReplicaReport::prefixLookupTokens),
  PREFIX_HITS(
      "prefix_cache_hits",
      Metric.Type.COUNTER,
      "Of these, found there.",
      ReplicaReport::prefixHitTokens),
  PREEMPTIONS(
      "num_preemptions",
      Metric.Type.COUNTER,
      "Sequences put back for others.",
      ReplicaReport::preemptions),
  PROMPT_TOKENS(
      "prompt_tokens",
      Metric.Type.COUNTER,
      "Prompt tokens that a replica read, canaries among them.",
      ReplicaReport::promptTokens),
  GENERATION_TOKENS(
      "generation_tokens",
      Metric.Type.COUNTER,
      "Tokens that a replica generated, canaries among them.",
      ReplicaReport::generatedTokens);

  static final String PREFIX = "vllm:";

  private final String stem;
  private final Metric.Type type;
  private final String help;

  @SuppressWarnings("ImmutableEnumChecker") // no state
  private final ToDoubleFunction<ReplicaReport> value;

  EngineName(String stem, Metric.Type type, String help, ToDoubleFunction<ReplicaReport> value) {
    this.stem = PREFIX + stem;
    this.type = type;
    this.help = help;
    this.value = value;
  }

  /** Not a number where the replica does not say. */
  double of(ReplicaReport report) {
    return value.applyAsDouble(report);
  }

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

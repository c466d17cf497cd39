package dev.switchboard.gateway.telemetry;

import dev.switchboard.timeline.EngineBuckets;

/**
 * What this gateway's requests took at a replica, under the names that vLLM has for it. A replica's
 * time begins when the gateway turns to it, so connecting and the network are in it.
 */
public enum EngineTime {
  FIRST_TOKEN(
      "time_to_first_token_seconds",
      "From turning to the replica to the first token of a stream.",
      EngineBuckets.firstToken()),
  INTER_TOKEN(
      "inter_token_latency_seconds",
      "Between two pieces of content of a stream.",
      EngineBuckets.interToken()),
  END_TO_END(
      "e2e_request_latency_seconds",
      "From turning to the replica to the end of its answer.",
      EngineBuckets.endToEnd()),
  REQUEST_PROMPT_TOKENS(
      "request_prompt_tokens",
      "Prompt tokens of an answered request.",
      EngineBuckets.tokens(EngineTime.MOST_TOKENS)),
  REQUEST_GENERATION_TOKENS(
      "request_generation_tokens",
      "Tokens generated for one.",
      EngineBuckets.tokens(EngineTime.MOST_TOKENS));

  /** The gateway does not know every server's longest sequence. */
  private static final int MOST_TOKENS = 100_000;

  private final String word;
  private final String help;

  @SuppressWarnings("ImmutableEnumChecker") // never given away
  private final double[] bounds;

  EngineTime(String word, String help, double[] bounds) {
    this.word = EngineName.PREFIX + word;
    this.help = help;
    this.bounds = bounds;
  }

  public String word() {
    return word;
  }

  public String help() {
    return help;
  }

  double[] bounds() {
    return bounds.clone();
  }
}

package dev.switchboard.executor;

import java.util.Map;

/**
 * How a token is drawn. Given prompt, parameters and seed, the tokens are always the same.
 *
 * @param temperature 0 is greedy
 * @param topK 0 is off
 * @param topP 1 is off
 * @param minP 0 is off
 * @param repetitionPenalty over prompt and output; 1 is off
 * @param presencePenalty over output
 * @param frequencyPenalty over output, per occurrence
 * @param seed with the position, the only source of randomness
 * @param logitBias token id to bias
 */
public record Sampling(
    float temperature,
    int topK,
    float topP,
    float minP,
    float repetitionPenalty,
    float presencePenalty,
    float frequencyPenalty,
    long seed,
    Map<Integer, Float> logitBias) {
  public Sampling {
    logitBias = Map.copyOf(logitBias);
  }

  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0, 1, 0, 0, 0, Map.of());
}

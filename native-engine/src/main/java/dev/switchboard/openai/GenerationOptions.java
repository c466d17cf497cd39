package dev.switchboard.openai;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How to generate: what chat and text completions have in common, within bounds.
 *
 * @param maxTokens most tokens to generate; null when the caller left it open; 0 only with echo
 * @param temperature 0 (greedy) to 2
 * @param topP above 0, to 1 (off)
 * @param topK 0 is off
 * @param minP 0 (off) to 1
 * @param repetitionPenalty above 0, to 2; 1 is off
 * @param presencePenalty -2 to 2
 * @param frequencyPenalty -2 to 2
 * @param seed null when the caller left it open
 * @param logitBias token id to a bias between -100 and 100
 * @param n how many choices, 1 to 16
 * @param stop strings that end a choice, at most 16 of 1 to 256 chars
 * @param stream answer as server-sent events
 * @param includeUsage end the stream with a usage chunk
 * @param ignoreEos go on until maxTokens
 * @param topLogprobs -1: no log-probabilities; 0 to 20: the chosen token's and so many alternatives
 * @param priority the higher the sooner, -100 to 100
 * @param user the caller's own name for its user; null when absent
 * @param shape what the answer must look like; null for anything
 * @param strictFinish whether an answer that is cut before it is what it must be is an error
 */
public record GenerationOptions(
    @Nullable Integer maxTokens,
    float temperature,
    float topP,
    int topK,
    float minP,
    float repetitionPenalty,
    float presencePenalty,
    float frequencyPenalty,
    @Nullable Long seed,
    Map<Integer, Float> logitBias,
    int n,
    List<String> stop,
    boolean stream,
    boolean includeUsage,
    boolean ignoreEos,
    int topLogprobs,
    int priority,
    @Nullable String user,
    @Nullable AnswerShape shape,
    boolean strictFinish) {
  public GenerationOptions {
    logitBias = Map.copyOf(logitBias);
    stop = List.copyOf(stop);
  }

  /** The same without what the answer must look like, which may be a long text. */
  public GenerationOptions withoutShape() {
    return new GenerationOptions(
        maxTokens,
        temperature,
        topP,
        topK,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        seed,
        logitBias,
        n,
        stop,
        stream,
        includeUsage,
        ignoreEos,
        topLogprobs,
        priority,
        user,
        null,
        strictFinish);
  }
}

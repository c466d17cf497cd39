package dev.switchboard.scheduler;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.Sampling;
import dev.switchboard.scheduler.RejectedGenerationException.Reason;
import java.util.Map;

/**
 * Refuses on the caller's thread what the executor would refuse on the engine's, where it would
 * cost more than one request.
 */
final class RequestCheck {
  private RequestCheck() {}

  static void check(GenerationRequest request, ExecutorInfo info) {
    require(request.prompt().length > 0, "prompt", "must not be empty");
    for (int token : request.prompt()) {
      require(token >= 0 && token < info.vocab(), "prompt", "has no such token: " + token);
    }
    require(request.maxTokens() >= 0, "maxTokens", "must not be negative");
    require(
        request.maxTokens() > 0 || request.promptLogprobs(),
        "maxTokens",
        "must be positive without promptLogprobs");
    require(
        request.topLogprobs() >= -1 && request.topLogprobs() <= Executor.MAX_TOP_LOGPROBS,
        "topLogprobs",
        "must be -1 to " + Executor.MAX_TOP_LOGPROBS);
    checkGenerated(request, info);
    check(request.sampling(), info.vocab());
    Constraint constraint = request.constraint();
    require(
        constraint == null || constraint.maskWords() == info.maskWords(),
        "constraint",
        "is for another vocabulary");
    checkLength(request, info);
  }

  private static void checkGenerated(GenerationRequest request, ExecutorInfo info) {
    int[] generated = request.generated();
    require(generated.length <= request.maxTokens(), "generated", "is longer than maxTokens");
    require(generated.length == 0 || !info.encodes(), "generated", "is nothing an encoder knows");
    for (int token : generated) {
      require(token >= 0 && token < info.vocab(), "generated", "has no such token: " + token);
    }
  }

  private static void check(Sampling sampling, int vocab) {
    require(
        isFinite(sampling.temperature()) && sampling.temperature() >= 0,
        "temperature",
        "must be 0 or more");
    require(sampling.topK() >= 0, "topK", "must be 0 or more");
    require(sampling.topP() > 0 && sampling.topP() <= 1, "topP", "must be in (0, 1]");
    require(sampling.minP() >= 0 && sampling.minP() <= 1, "minP", "must be in [0, 1]");
    require(
        isFinite(sampling.repetitionPenalty()) && sampling.repetitionPenalty() > 0,
        "repetitionPenalty",
        "must be positive");
    require(isFinite(sampling.presencePenalty()), "presencePenalty", "must be a number");
    require(isFinite(sampling.frequencyPenalty()), "frequencyPenalty", "must be a number");
    require(
        sampling.logitBias().size() <= Executor.MAX_LOGIT_BIAS,
        "logitBias",
        "must have at most " + Executor.MAX_LOGIT_BIAS + " entries");
    for (Map.Entry<Integer, Float> bias : sampling.logitBias().entrySet()) {
      require(
          bias.getKey() >= 0 && bias.getKey() < vocab,
          "logitBias",
          "has no such token: " + bias.getKey());
      require(!Float.isNaN(bias.getValue()), "logitBias", "must be a number");
    }
  }

  private static void checkLength(GenerationRequest request, ExecutorInfo info) {
    boolean encodes = info.encodes();
    long length = (long) request.prompt().length + (encodes ? 0 : request.maxTokens());
    long pool = (long) info.kvBlocks() * info.kvBlockTokens();
    long most = Math.min(info.context(), encodes ? Math.min(pool, info.maxStepTokens()) : pool);
    if (length > most) {
      throw new RejectedGenerationException(
          Reason.TOO_LONG,
          (encodes ? "the text has " : "prompt and maxTokens are ")
              + length
              + " tokens; at most "
              + most
              + " fit");
    }
  }

  private static boolean isFinite(float value) {
    return Float.isFinite(value);
  }

  private static void require(boolean condition, String field, String what) {
    if (!condition) {
      throw new IllegalArgumentException(field + " " + what);
    }
  }
}

package dev.switchboard.worker;

import dev.switchboard.gguf.GgufMetadata;
import dev.switchboard.openai.SamplingDefaults;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a model's file wants tokens to be drawn ({@code general.sampling.*}). What a request could
 * not ask for is passed over: it is a recommendation, for which no model is refused.
 */
final class ModelSampling {
  private static final Logger LOG = LoggerFactory.getLogger(ModelSampling.class);
  private static final String PREFIX = "general.sampling.";

  private ModelSampling() {}

  static SamplingDefaults of(GgufMetadata metadata) {
    SamplingDefaults api = SamplingDefaults.OF_THE_API;
    return new SamplingDefaults(
        within(metadata, "temp", 0, SamplingDefaults.MOST_TEMPERATURE, api.temperature()),
        within(metadata, "top_p", Float.MIN_NORMAL, 1, api.topP()),
        // Files turn it off with -1, requests too; within a worker 0 is off.
        Math.max(0, (int) within(metadata, "top_k", -1, SamplingDefaults.MOST_TOP_K, api.topK())),
        within(metadata, "min_p", 0, 1, api.minP()),
        within(
            metadata,
            "penalty_repeat",
            Float.MIN_NORMAL,
            SamplingDefaults.MOST_REPETITION_PENALTY,
            api.repetitionPenalty()));
  }

  private static float within(
      GgufMetadata metadata, String name, float low, float high, float fallback) {
    Double value = metadata.numberOrNull(PREFIX + name);
    if (value == null) {
      return fallback;
    }
    if (value < low || value > high) {
      LOG.warn("sampling_passed_over key={}{} value={}", PREFIX, name, value);
      return fallback;
    }
    return value.floatValue();
  }
}

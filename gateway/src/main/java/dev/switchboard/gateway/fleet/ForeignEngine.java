package dev.switchboard.gateway.fleet;

import java.net.URI;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A server of others whose metrics this gateway can read. */
public enum ForeignEngine {
  VLLM("vllm"),
  SGLANG("sglang"),
  LLAMA_SERVER("llama-server"),
  TRITON("triton");

  /** A server whose metrics nobody reads. */
  public static final String PLAIN = "openai";

  /** Triton serves its metrics on a port of their own. */
  private static final int TRITON_METRICS_PORT = 8002;

  private final String word;

  ForeignEngine(String word) {
    this.word = word;
  }

  /** As the configuration has it. */
  public String word() {
    return word;
  }

  /**
   * The one of that name.
   *
   * @throws IllegalArgumentException naming those that there are
   */
  static ForeignEngine of(String word) {
    for (ForeignEngine each : values()) {
      if (each.word.equals(word)) {
        return each;
      }
    }
    throw new IllegalArgumentException(
        "engine must be one of "
            + Arrays.stream(values()).map(ForeignEngine::word).collect(Collectors.joining(", "))
            + ", "
            + PLAIN
            + ", not "
            + word);
  }

  /**
   * Whether it serves a lower {@code priority} sooner; the others have a higher one first, or none.
   */
  boolean lowerIsSooner() {
    return this == VLLM;
  }

  /** Where its metrics are unless somebody says it; null for beside its API. */
  @Nullable URI metricsOf(URI url) {
    return switch (this) {
      case VLLM, SGLANG, LLAMA_SERVER -> null;
      case TRITON ->
          URI.create(
              url.getScheme() + "://" + url.getHost() + ":" + TRITON_METRICS_PORT + "/metrics");
    };
  }
}

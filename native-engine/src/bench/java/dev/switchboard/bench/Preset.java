package dev.switchboard.bench;

import dev.switchboard.executor.ExecutorConfig.KvType;
import java.util.List;

/** How much a run measures, where its options do not say. */
enum Preset {
  /** One short round on two small models: does it work, and about how fast. */
  QUICK(1, 16),
  /** The table of the module's README. */
  STANDARD(3, 64),
  /** What the table leaves out: other architectures, and every type of keys and values. */
  EXTENDED(2, 32);

  final int rounds;
  final int tokens;

  Preset(int rounds, int tokens) {
    this.rounds = rounds;
    this.tokens = tokens;
  }

  List<String> shapes() {
    return switch (this) {
      case QUICK -> List.of("smollm2-135m:Q8_0", "smollm2-135m:Q4_0");
      case STANDARD ->
          List.of(
              "smollm2-135m:Q8_0",
              "smollm2-135m:Q4_0",
              "qwen3-0.6b:Q8_0",
              "qwen3-0.6b:Q4_K",
              "tinyllama-1.1b:Q4_0",
              "tinyllama-1.1b:Q4_K");
      case EXTENDED ->
          List.of("smollm2-135m:Q8_0", "gemma3-270m:Q8_0", "gemma3-1b:Q4_K", "phi3-mini:Q4_K");
    };
  }

  List<KvType> kvTypes() {
    return this == EXTENDED ? List.of(KvType.F16, KvType.BF16, KvType.Q8_0) : List.of(KvType.F16);
  }
}

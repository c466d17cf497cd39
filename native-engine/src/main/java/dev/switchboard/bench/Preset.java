package dev.switchboard.bench;

import java.util.List;

/** How much a run measures, where its options do not say. */
enum Preset {
  /** One short round on two small models: does it work, and about how fast. */
  QUICK(1, 16),
  /** The table of the module's README. */
  STANDARD(3, 64);

  final int rounds;
  final int tokens;

  Preset(int rounds, int tokens) {
    this.rounds = rounds;
    this.tokens = tokens;
  }

  List<String> shapes() {
    List<String> small = List.of("smollm2-135m:Q8_0", "smollm2-135m:Q4_0");
    List<String> all =
        List.of(
            "smollm2-135m:Q8_0",
            "smollm2-135m:Q4_0",
            "qwen3-0.6b:Q8_0",
            "qwen3-0.6b:Q4_K",
            "tinyllama-1.1b:Q4_0",
            "tinyllama-1.1b:Q4_K");
    return this == QUICK ? small : all;
  }
}

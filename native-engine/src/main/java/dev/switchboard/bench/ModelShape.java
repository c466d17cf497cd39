package dev.switchboard.bench;

/**
 * Dimensions of published models. Speed depends on them and not on the weights' values, so random
 * weights measure it.
 */
enum ModelShape {
  SMOLLM2_135M("smollm2-135m", "llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, true),
  QWEN2_5_0_5B("qwen2.5-0.5b", "qwen2", 24, 896, 4864, 14, 2, 64, 151936, 32768, true),
  QWEN3_0_6B("qwen3-0.6b", "qwen3", 28, 1024, 3072, 16, 8, 128, 151936, 40960, true),
  TINYLLAMA_1_1B("tinyllama-1.1b", "llama", 22, 2048, 5632, 32, 4, 64, 32000, 2048, false),
  LLAMA3_2_1B("llama3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, true);

  /** As written on a command line. */
  final String label;

  final String architecture;
  final int layers;
  final int dim;
  final int ffn;
  final int heads;
  final int kvHeads;
  final int headDim;
  final int vocabulary;
  final int context;
  final boolean tied;

  ModelShape(
      String label,
      String architecture,
      int layers,
      int dim,
      int ffn,
      int heads,
      int kvHeads,
      int headDim,
      int vocabulary,
      int context,
      boolean tied) {
    this.label = label;
    this.architecture = architecture;
    this.layers = layers;
    this.dim = dim;
    this.ffn = ffn;
    this.heads = heads;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.vocabulary = vocabulary;
    this.context = context;
    this.tied = tied;
  }

  static ModelShape of(String label) {
    for (ModelShape shape : values()) {
      if (shape.label.equals(label)) {
        return shape;
      }
    }
    throw new IllegalArgumentException("unknown shape '" + label + "'");
  }
}

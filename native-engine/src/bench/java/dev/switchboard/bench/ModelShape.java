package dev.switchboard.bench;

import java.util.List;

/**
 * Dimensions of published models. Speed depends on them and not on the weights' values, so random
 * weights measure it.
 *
 * @param label as written on a command line
 * @param tied the output layer is the embedding
 * @param window positions that windowed layers attend to, 0 where there are none
 */
record ModelShape(
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
    boolean tied,
    int window) {

  private static final List<ModelShape> PUBLISHED =
      List.of(
          new ModelShape("smollm2-135m", "llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, true, 0),
          new ModelShape("qwen2.5-0.5b", "qwen2", 24, 896, 4864, 14, 2, 64, 151936, 32768, true, 0),
          new ModelShape("qwen3-0.6b", "qwen3", 28, 1024, 3072, 16, 8, 128, 151936, 40960, true, 0),
          new ModelShape(
              "tinyllama-1.1b", "llama", 22, 2048, 5632, 32, 4, 64, 32000, 2048, false, 0),
          new ModelShape(
              "llama3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, true, 0),
          new ModelShape(
              "gemma3-270m", "gemma3", 18, 640, 2048, 4, 1, 256, 262144, 32768, true, 512),
          new ModelShape(
              "gemma3-1b", "gemma3", 26, 1152, 6912, 4, 1, 256, 262144, 32768, true, 512),
          new ModelShape(
              "phi3-mini", "phi3", 32, 3072, 8192, 32, 32, 96, 32064, 4096, false, 2047));

  /** The published one of that label. */
  static ModelShape of(String label) {
    for (ModelShape shape : PUBLISHED) {
      if (shape.label.equals(label)) {
        return shape;
      }
    }
    throw new IllegalArgumentException("'" + label + "' is none of " + String.join(" ", labels()));
  }

  static List<String> labels() {
    return PUBLISHED.stream().map(ModelShape::label).toList();
  }
}

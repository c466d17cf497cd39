package dev.switchboard.gguf;

import dev.switchboard.gguf.ModelDescription.Attention;
import dev.switchboard.gguf.ModelReader.Dimensions;
import java.util.ArrayList;
import java.util.List;

/** Reads how a model's scores are worked out: their scale, their cap and the layers' windows. */
final class AttentionReader {
  private static final String WINDOW = "attention.sliding_window";
  private static final String PATTERN = "attention.sliding_window_pattern";
  private static final float LARGEST = 1e6f;

  /** Layers of the two models whose files do not say that their scale is another. */
  private static final int GEMMA2_27B_LAYERS = 46;

  private static final int GEMMA3_27B_LAYERS = 62;

  private final ModelKeys keys;
  private final Architecture architecture;

  AttentionReader(ModelKeys keys, Architecture architecture) {
    this.keys = keys;
    this.architecture = architecture;
  }

  Attention read(Dimensions dimensions) {
    float softcap = softcap("attn_logit_softcapping", architecture == Architecture.GEMMA2 ? 50 : 0);
    return new Attention(readScale(dimensions), softcap, readWindows(dimensions));
  }

  /** A cap of zero is none. */
  float softcap(String suffix, float fallback) {
    return keys.real(suffix, 0, LARGEST, fallback);
  }

  private float readScale(Dimensions dimensions) {
    boolean wide =
        switch (architecture) {
          case GEMMA2 -> dimensions.layers() == GEMMA2_27B_LAYERS;
          case GEMMA3 -> dimensions.layers() == GEMMA3_27B_LAYERS;
          default -> false;
        };
    int divisor = wide ? dimensions.dim() / dimensions.heads() : dimensions.headDim();
    float scale = keys.real("attention.scale", 0, LARGEST, 0);
    return scale > 0 ? scale : (float) (1 / Math.sqrt(divisor));
  }

  private List<Integer> readWindows(Dimensions dimensions) {
    int fallback = architecture == Architecture.GEMMA2 ? 4096 : 0;
    int window = keys.integer(WINDOW, 0, Integer.MAX_VALUE, fallback);
    if (window == 0) {
      return List.of();
    }
    if (architecture.isEncoder()) {
      throw keys.badValue(WINDOW, window + ", and an encoder has no window");
    }
    boolean[] windowed = readPattern(dimensions.layers());
    List<Integer> windows = new ArrayList<>();
    for (boolean has : windowed) {
      windows.add(has ? window : 0);
    }
    return windows;
  }

  /** A flag per layer, or a period whose last layer attends to everything; of 0 none does. */
  private boolean[] readPattern(int layers) {
    boolean[] flags = keys.metadata().flagsOrEmpty(keys.key(PATTERN), layers);
    if (flags.length > 0) {
      if (flags.length != layers) {
        throw keys.badValue(PATTERN, flags.length + " flags for " + layers + " layers");
      }
      return flags;
    }
    int fallback =
        switch (architecture) {
          case GEMMA2 -> 2;
          case GEMMA3 -> 6;
          default -> 0;
        };
    int period = keys.integer(PATTERN, 0, Integer.MAX_VALUE, fallback);
    boolean[] windowed = new boolean[layers];
    for (int layer = 0; layer < layers; layer++) {
      windowed[layer] = period == 0 || layer % period < period - 1;
    }
    return windowed;
  }
}

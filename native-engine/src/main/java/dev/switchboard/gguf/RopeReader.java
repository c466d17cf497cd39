package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;
import static dev.switchboard.gguf.TensorRole.ROPE_FACTORS_LONG;
import static dev.switchboard.gguf.TensorRole.ROPE_FACTORS_SHORT;
import static dev.switchboard.gguf.TensorRole.ROPE_FREQS;

import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.ModelDescription.Rope;
import dev.switchboard.gguf.ModelDescription.Yarn;
import dev.switchboard.gguf.ModelReader.Dimensions;
import org.jspecify.annotations.Nullable;

/** Reads how positions rotate a model's heads, and collects the tensors that say so. */
final class RopeReader {
  private static final float DEFAULT_BASE = 10_000f;
  private static final float LARGEST_BASE = 1e12f;
  private static final String SCALING = "rope.scaling.type";
  private static final String FACTOR = "rope.scaling.factor";
  private static final String ORIGINAL_CONTEXT = "rope.scaling.original_context_length";

  private final ModelKeys keys;
  private final Architecture architecture;
  private final WeightCollector weights;

  RopeReader(ModelKeys keys, Architecture architecture, WeightCollector weights) {
    this.keys = keys;
    this.architecture = architecture;
    this.weights = weights;
  }

  Rope read(Dimensions dimensions, boolean windowed) {
    if (architecture == Architecture.BERT) {
      return new Rope(architecture.ropeKind(), 0, DEFAULT_BASE, 1, 1, 0, 0, null);
    }
    int dim = readDim(dimensions.headDim());
    boolean factors = collectFactors(dim);
    String scaling = readScaling(factors);
    Yarn yarn = scaling.equals("yarn") ? readYarn() : null;
    float scale = scaling.equals("none") ? 1 : readScale();
    if (scaling.equals("longrope") && scale != 1) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE, quote(keys.key(FACTOR)) + " beside longrope");
    }
    int original =
        factors || yarn != null
            ? keys.integer(ORIGINAL_CONTEXT, 1, 1 << 24, dimensions.context())
            : 0;
    return new Rope(
        architecture.ropeKind(),
        dim,
        keys.real("rope.freq_base", 1, LARGEST_BASE, DEFAULT_BASE),
        scale,
        readMagnitude(yarn, scale),
        windowed ? readWindowBase() : 0,
        original,
        yarn);
  }

  private int readDim(int headDim) {
    int dim = keys.integer("rope.dimension_count", 1, 1 << 12, headDim);
    if (dim % 2 != 0 || dim > headDim) {
      throw keys.badValue("rope.dimension_count", dim + ", not even and at most " + headDim);
    }
    return dim;
  }

  /** True when there is a set of divisors for long and one for short contexts. */
  private boolean collectFactors(int dim) {
    if (architecture == Architecture.LLAMA) {
      weights.optionalVector(ROPE_FREQS, WeightCollector.WHOLE_MODEL, dim / 2);
    }
    if (architecture != Architecture.PHI3
        || (!weights.exists(ROPE_FACTORS_LONG) && !weights.exists(ROPE_FACTORS_SHORT))) {
      return false;
    }
    weights.vector(ROPE_FACTORS_LONG, WeightCollector.WHOLE_MODEL, dim / 2);
    weights.vector(ROPE_FACTORS_SHORT, WeightCollector.WHOLE_MODEL, dim / 2);
    return true;
  }

  private String readScaling(boolean factors) {
    String type = keys.metadata().string(keys.key(SCALING), "linear");
    boolean known =
        switch (type) {
          case "none", "linear", "yarn" -> true;
          case "longrope" -> factors;
          default -> false;
        };
    if (!known) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          "rope scaling " + quote(type) + " (" + keys.key(SCALING) + ")");
    }
    return type;
  }

  /** Older files name the factor {@code scale_linear}. */
  private float readScale() {
    float legacy = keys.metadata().real(keys.key("rope.scale_linear"), 0);
    float factor = keys.metadata().real(keys.key(FACTOR), legacy);
    if (factor == 0) {
      return 1;
    }
    if (factor < 1e-3f || factor > 1e6f) {
      throw keys.badValue(FACTOR, factor + ", outside 0.001 to 1000000");
    }
    return factor;
  }

  private Yarn readYarn() {
    if (keys.real("rope.scaling.yarn_ext_factor", -1, 1, 1) != 1) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          quote(keys.key("rope.scaling.yarn_ext_factor")) + " other than 1");
    }
    if (keys.has("rope.scaling.yarn_log_multiplier")) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          quote(keys.key("rope.scaling.yarn_log_multiplier")) + " is not supported");
    }
    return new Yarn(
        keys.real("rope.scaling.yarn_beta_fast", 0.01f, 1e4f, 32),
        keys.real("rope.scaling.yarn_beta_slow", 0.01f, 1e4f, 1));
  }

  /** YaRN's own is that of its paper; a file may multiply it. */
  private float readMagnitude(@Nullable Yarn yarn, float scale) {
    float own = yarn == null || scale <= 1 ? 1 : (float) (1 + 0.1 * Math.log(scale));
    float yarnFactor = yarn == null ? 1 : keys.real("rope.scaling.yarn_attn_factor", 0.01f, 100, 1);
    return own * yarnFactor * keys.real("rope.scaling.attn_factor", 0.01f, 100, 1);
  }

  private float readWindowBase() {
    float fallback = architecture == Architecture.GEMMA3 ? DEFAULT_BASE : 0;
    return keys.has("rope.freq_base_swa")
        ? keys.real("rope.freq_base_swa", 1, LARGEST_BASE, 1)
        : fallback;
  }
}

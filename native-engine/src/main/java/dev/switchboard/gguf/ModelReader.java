package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;
import static dev.switchboard.gguf.TensorRole.*;

import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.ModelDescription.Weight;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Checks that a file holds a model the engine runs and collects its weights.
 *
 * <p>A feature or a tensor that is not known is refused, not skipped: a model computed without it
 * would answer, wrongly.
 */
final class ModelReader {
  private static final int MAX_LAYERS = 4096;
  private static final int MAX_DIM = 1 << 20;
  private static final int MAX_HEADS = 1 << 12;
  private static final int MAX_HEAD_DIM = 1 << 12;
  private static final int MAX_VOCAB = 1 << 24;
  private static final int MAX_CONTEXT = 1 << 28;
  private static final float DEFAULT_ROPE_BASE = 10_000f;
  private static final int WHOLE_MODEL = -1;

  /** Keys of models that compute something the engine does not, whatever their value. */
  private static final List<String> REFUSED_KEYS =
      List.of(
          "attention.scale",
          "attn_logit_softcapping",
          "final_logit_softcapping",
          "embedding_scale",
          "residual_scale",
          "logit_scale",
          "rope.dimension_sections");

  private final GgufFile file;
  private final GgufMetadata metadata;
  private final Architecture architecture;
  private final List<Weight> weights = new ArrayList<>();
  private final Set<String> used = new HashSet<>();

  ModelReader(GgufFile file) {
    this.file = file;
    this.metadata = file.metadata();
    this.architecture = readArchitecture(metadata);
  }

  private static Architecture readArchitecture(GgufMetadata metadata) {
    String word = metadata.string("general.architecture");
    Architecture architecture = Architecture.byWord(word);
    if (architecture == null) {
      throw new GgufException(
          Reason.UNSUPPORTED_ARCHITECTURE,
          quote(word) + " is not one of llama, qwen2, qwen3 (general.architecture)");
    }
    return architecture;
  }

  ModelDescription read() {
    refuseUnknownFeatures();
    int layers = integer("block_count", 1, MAX_LAYERS);
    int dim = integer("embedding_length", 1, MAX_DIM);
    int ffnDim = metadata.uniformInteger(key("feed_forward_length"), 1, MAX_DIM, 0);
    int heads = metadata.uniformInteger(key("attention.head_count"), 1, MAX_HEADS, 0);
    requirePresent("feed_forward_length", ffnDim);
    requirePresent("attention.head_count", heads);
    int kvHeads = metadata.uniformInteger(key("attention.head_count_kv"), 1, MAX_HEADS, heads);
    if (heads % kvHeads != 0) {
      throw badValue(
          "attention.head_count", heads + ", not a multiple of head_count_kv " + kvHeads);
    }
    int headDim = readHeadDim(dim, heads);
    int vocab = readVocab(dim);
    boolean tied = collect(layers, dim, ffnDim, heads, kvHeads, headDim, vocab);
    int ropeDim = readRopeDim(headDim);
    collectRopeFrequencies(ropeDim);
    refuseLeftovers();
    String id = idOf(file.path());
    return new ModelDescription(
        id,
        metadata.string("general.name", id),
        architecture,
        quantization(),
        parameters(),
        layers,
        dim,
        ffnDim,
        heads,
        kvHeads,
        headDim,
        vocab,
        integer("context_length", 1, MAX_CONTEXT),
        architecture.ropeKind(),
        ropeDim,
        readRopeBase(),
        readRopeScale(),
        readEpsilon(),
        tied,
        weights);
  }

  private void refuseUnknownFeatures() {
    for (String refused : REFUSED_KEYS) {
      if (metadata.has(key(refused))) {
        throw new GgufException(
            Reason.UNSUPPORTED_FEATURE, quote(key(refused)) + " is not supported");
      }
    }
    if (metadata.integer(key("expert_count"), 0, Integer.MAX_VALUE, 0) != 0) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE, "mixture of experts (" + key("expert_count") + ")");
    }
    if (!metadata.bool(key("attention.causal"), true)) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE, "attention without a causal mask (attention.causal)");
    }
  }

  private int readHeadDim(int dim, int heads) {
    if (!metadata.has(key("attention.key_length")) && dim % heads != 0) {
      throw badValue("embedding_length", dim + ", not a multiple of head_count " + heads);
    }
    int headDim = integer("attention.key_length", 1, MAX_HEAD_DIM, Math.max(1, dim / heads));
    int valueDim = integer("attention.value_length", 1, MAX_HEAD_DIM, Math.max(1, dim / heads));
    if (valueDim != headDim) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          "keys of " + headDim + " and values of " + valueDim + " (attention.value_length)");
    }
    return headDim;
  }

  /** The embedding's rows; the tokenizer must have as many tokens, where the file has one. */
  private int readVocab(int dim) {
    GgufTensor embedding = required(TOKEN_EMBD.tensorName(WHOLE_MODEL));
    if (embedding.dims().size() != 2 || embedding.cols() != dim) {
      throw badShape(embedding, "[" + dim + ", vocabulary]");
    }
    GgufStrings tokens = metadata.stringsOrNull("tokenizer.ggml.tokens");
    long vocab = tokens == null ? integer("vocab_size", 1, MAX_VOCAB) : tokens.size();
    if (vocab < 1 || vocab > MAX_VOCAB || vocab != embedding.rows()) {
      throw new GgufException(
          Reason.BAD_SHAPE,
          quote(embedding.name()) + " has " + embedding.rows() + " rows for " + vocab + " tokens");
    }
    return (int) vocab;
  }

  /** Collects all weights but the rope divisors; true when the output layer is tied. */
  private boolean collect(
      int layers, int dim, int ffnDim, int heads, int kvHeads, int headDim, int vocab) {
    long q = (long) heads * headDim;
    long kv = (long) kvHeads * headDim;
    matrix(TOKEN_EMBD, WHOLE_MODEL, vocab, dim);
    for (int layer = 0; layer < layers; layer++) {
      vector(ATTN_NORM, layer, dim);
      matrix(ATTN_Q, layer, q, dim);
      matrix(ATTN_K, layer, kv, dim);
      matrix(ATTN_V, layer, kv, dim);
      matrix(ATTN_OUTPUT, layer, dim, q);
      collectAttentionVectors(layer, q, kv, headDim);
      vector(FFN_NORM, layer, dim);
      matrix(FFN_GATE, layer, ffnDim, dim);
      matrix(FFN_UP, layer, ffnDim, dim);
      matrix(FFN_DOWN, layer, dim, ffnDim);
    }
    vector(OUTPUT_NORM, WHOLE_MODEL, dim);
    boolean tied = file.tensor(OUTPUT.tensorName(WHOLE_MODEL)) == null;
    if (!tied) {
      matrix(OUTPUT, WHOLE_MODEL, vocab, dim);
    }
    return tied;
  }

  private void collectAttentionVectors(int layer, long q, long kv, int headDim) {
    switch (architecture) {
      case LLAMA -> {
        optionalVector(ATTN_Q_BIAS, layer, q);
        optionalVector(ATTN_K_BIAS, layer, kv);
        optionalVector(ATTN_V_BIAS, layer, kv);
      }
      case QWEN2 -> {
        vector(ATTN_Q_BIAS, layer, q);
        vector(ATTN_K_BIAS, layer, kv);
        vector(ATTN_V_BIAS, layer, kv);
      }
      case QWEN3 -> {
        vector(ATTN_Q_NORM, layer, headDim);
        vector(ATTN_K_NORM, layer, headDim);
      }
    }
  }

  private int readRopeDim(int headDim) {
    int ropeDim = integer("rope.dimension_count", 1, MAX_HEAD_DIM, headDim);
    if (ropeDim % 2 != 0 || ropeDim > headDim) {
      throw badValue("rope.dimension_count", ropeDim + ", not even and at most " + headDim);
    }
    return ropeDim;
  }

  private void collectRopeFrequencies(int ropeDim) {
    if (architecture == Architecture.LLAMA) {
      optionalVector(ROPE_FREQS, WHOLE_MODEL, ropeDim / 2);
    }
  }

  private float readRopeBase() {
    float base = metadata.real(key("rope.freq_base"), DEFAULT_ROPE_BASE);
    if (base < 1) {
      throw badValue("rope.freq_base", base + ", below 1");
    }
    return base;
  }

  /** Linear scaling is the default type; older files name the factor {@code scale_linear}. */
  private float readRopeScale() {
    String type = metadata.string(key("rope.scaling.type"), "linear");
    if (!type.equals("linear") && !type.equals("none")) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          "rope scaling " + quote(type) + " (" + key("rope.scaling.type") + ")");
    }
    if (metadata.real(key("rope.scaling.attn_factor"), 1) != 1) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE, quote(key("rope.scaling.attn_factor")) + " is not 1");
    }
    float legacy = metadata.real(key("rope.scale_linear"), 0);
    float factor = metadata.real(key("rope.scaling.factor"), legacy);
    if (type.equals("none") || factor == 0) {
      return 1;
    }
    if (factor < 1e-3f || factor > 1e6f) {
      throw badValue("rope.scaling.factor", factor + ", outside 0.001 to 1000000");
    }
    return factor;
  }

  private float readEpsilon() {
    float epsilon = metadata.real(key("attention.layer_norm_rms_epsilon"));
    if (epsilon < 0 || epsilon >= 1) {
      throw badValue("attention.layer_norm_rms_epsilon", epsilon + ", outside 0 to 1");
    }
    return epsilon;
  }

  private void matrix(TensorRole role, int layer, long rows, long cols) {
    GgufTensor tensor = required(role.tensorName(layer));
    if (!tensor.dims().equals(List.of(cols, rows))) {
      throw badShape(tensor, "[" + cols + ", " + rows + "]");
    }
    if (!tensor.type().isSupported()) {
      throw new GgufException(
          Reason.UNSUPPORTED_TENSOR_TYPE,
          quote(tensor.name())
              + " is "
              + tensor.type()
              + ", not one of F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q6_K");
    }
    add(tensor, role, layer, rows, cols);
  }

  private void vector(TensorRole role, int layer, long length) {
    GgufTensor tensor = required(role.tensorName(layer));
    if (tensor.elements() != length || tensor.cols() != length) {
      throw badShape(tensor, "[" + length + "]");
    }
    if (tensor.type() != TensorType.F32) {
      throw new GgufException(
          Reason.UNSUPPORTED_TENSOR_TYPE,
          quote(tensor.name()) + " is " + tensor.type() + ", a vector must be F32");
    }
    add(tensor, role, layer, 1, length);
  }

  private void optionalVector(TensorRole role, int layer, long length) {
    if (file.tensor(role.tensorName(layer)) != null) {
      vector(role, layer, length);
    }
  }

  private void add(GgufTensor tensor, TensorRole role, int layer, long rows, long cols) {
    used.add(tensor.name());
    weights.add(new Weight(role, layer, tensor.type(), rows, cols, tensor.data()));
  }

  private GgufTensor required(String name) {
    GgufTensor tensor = file.tensor(name);
    if (tensor == null) {
      throw new GgufException(Reason.MISSING_TENSOR, quote(name) + " is not there");
    }
    return tensor;
  }

  private void refuseLeftovers() {
    for (GgufTensor tensor : file.tensors()) {
      if (!used.contains(tensor.name())) {
        throw new GgufException(
            Reason.UNEXPECTED_TENSOR,
            quote(tensor.name()) + " has no place in a " + architecture.word() + " model");
      }
    }
  }

  private long parameters() {
    return weights.stream().mapToLong(w -> w.rows() * w.cols()).sum();
  }

  /** The type of most layer weights, with the mix {@code general.file_type} names if it agrees. */
  private String quantization() {
    Map<TensorType, Long> elements = new HashMap<>();
    for (Weight weight : weights) {
      if (weight.layer() >= 0 && weight.rows() > 1) {
        elements.merge(weight.type(), weight.rows() * weight.cols(), Long::sum);
      }
    }
    String type =
        elements.entrySet().stream()
            .max(Map.Entry.comparingByValue())
            .map(entry -> entry.getKey().name())
            .orElse(TensorType.F32.name());
    String mix =
        switch (metadata.integer("general.file_type", 0, Integer.MAX_VALUE, -1)) {
          case 14 -> "Q4_K_S";
          case 15 -> "Q4_K_M";
          default -> type;
        };
    return mix.startsWith(type) && elements.size() > 1 ? mix : type;
  }

  /** The file's name without its extension, with only characters that need no escaping. */
  static String idOf(Path path) {
    Path fileName = path.getFileName();
    String name = fileName == null ? "" : fileName.toString();
    String id = SplitModel.modelName(name).replaceAll("[^A-Za-z0-9._-]", "-");
    return id.isEmpty() ? "model" : id;
  }

  private String key(String suffix) {
    return architecture.word() + "." + suffix;
  }

  private int integer(String suffix, int min, int max) {
    return metadata.integer(key(suffix), min, max);
  }

  private int integer(String suffix, int min, int max, int fallback) {
    return metadata.integer(key(suffix), min, max, fallback);
  }

  private void requirePresent(String suffix, int value) {
    if (value == 0) {
      throw new GgufException(Reason.MISSING_KEY, quote(key(suffix)) + " is not there");
    }
  }

  private GgufException badValue(String suffix, String value) {
    return new GgufException(Reason.BAD_VALUE, quote(key(suffix)) + " is " + value);
  }

  private static GgufException badShape(GgufTensor tensor, @Nullable String wanted) {
    return new GgufException(
        Reason.BAD_SHAPE, quote(tensor.name()) + " is " + tensor.dims() + ", wanted " + wanted);
  }
}

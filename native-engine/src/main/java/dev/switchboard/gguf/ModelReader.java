package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;
import static dev.switchboard.gguf.TensorRole.*;

import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.ModelDescription.Attention;
import dev.switchboard.gguf.ModelDescription.Pooling;
import dev.switchboard.gguf.ModelDescription.Rope;
import dev.switchboard.gguf.ModelDescription.Weight;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Checks that a file holds a model the engine runs and collects its weights.
 *
 * <p>A feature or a tensor that is not known is refused, not skipped: a model computed without it
 * would answer, wrongly.
 */
final class ModelReader {
  private static final int MAX_LAYERS = 1024;
  private static final int MAX_DIM = 1 << 20;
  private static final int MAX_HEADS = 1 << 12;
  private static final int MAX_HEAD_DIM = 1 << 10;
  private static final int MAX_VOCAB = 1 << 24;
  private static final int MAX_CONTEXT = 1 << 28;

  /** Keys of models that compute something the engine does not, whatever their value. */
  private static final List<String> REFUSED_KEYS =
      List.of(
          "attention.clamp_kqv",
          "attention.max_alibi_bias",
          "embedding_scale",
          "residual_scale",
          "logit_scale",
          "rope.dimension_sections");

  private final GgufFile file;
  private final GgufMetadata metadata;
  private final Architecture architecture;
  private final ModelKeys keys;
  private final WeightCollector weights;

  ModelReader(GgufFile file) {
    this.file = file;
    this.metadata = file.metadata();
    this.architecture = readArchitecture(metadata);
    this.keys = new ModelKeys(metadata, architecture.word());
    this.weights = new WeightCollector(file, architecture);
  }

  private static Architecture readArchitecture(GgufMetadata metadata) {
    String word = metadata.string("general.architecture");
    Architecture architecture = Architecture.byWord(word);
    if (architecture == null) {
      throw new GgufException(
          Reason.UNSUPPORTED_ARCHITECTURE,
          quote(word)
              + " is not one of "
              + Architecture.words()
              + " (general.architecture)"
              + closest(word));
    }
    return architecture;
  }

  /** Of the same family, if any: a file of that one would work. */
  private static String closest(String word) {
    Architecture near = Architecture.nearest(word);
    return near == null ? "" : ": the closest is " + near.word();
  }

  ModelDescription read() {
    refuseUnknownFeatures();
    Dimensions dimensions = readDimensions();
    int layers = dimensions.layers();
    Pooling pooling = readPooling();
    weights.collect(dimensions, pooling);
    AttentionReader attentionReader = new AttentionReader(keys, architecture);
    Attention attention = attentionReader.read(dimensions);
    boolean windowed = attention.windows().stream().anyMatch(window -> window > 0);
    Rope rope = new RopeReader(keys, architecture, weights).read(dimensions, windowed);
    weights.refuseLeftovers();
    String id = idOf(file.path());
    return new ModelDescription(
        id,
        metadata.string("general.name", id),
        architecture,
        quantization(),
        parameters(),
        layers,
        dimensions.dim(),
        dimensions.ffnDim(),
        dimensions.heads(),
        dimensions.kvHeads(),
        dimensions.headDim(),
        dimensions.vocab(),
        dimensions.context(),
        rope,
        attention,
        readEpsilon(),
        architecture.isGemma() ? (float) Math.sqrt(dimensions.dim()) : 1,
        attentionReader.softcap(
            "final_logit_softcapping", architecture == Architecture.GEMMA2 ? 30 : 0),
        pooling,
        !architecture.isEncoder() && !weights.has(OUTPUT),
        weights.all());
  }

  /** Every size of a model, as its tensors must have them. */
  record Dimensions(
      int layers,
      int dim,
      int ffnDim,
      int heads,
      int kvHeads,
      int headDim,
      int vocab,
      int context) {
    long queryRows() {
      return (long) heads * headDim;
    }

    long keyRows() {
      return (long) kvHeads * headDim;
    }
  }

  private Dimensions readDimensions() {
    int layers = keys.integer("block_count", 1, MAX_LAYERS);
    int dim = keys.integer("embedding_length", 1, MAX_DIM);
    int ffnDim = metadata.uniformInteger(keys.key("feed_forward_length"), 1, MAX_DIM, 0);
    int heads = metadata.uniformInteger(keys.key("attention.head_count"), 1, MAX_HEADS, 0);
    requirePresent("feed_forward_length", ffnDim);
    requirePresent("attention.head_count", heads);
    int kvHeads = metadata.uniformInteger(keys.key("attention.head_count_kv"), 1, MAX_HEADS, heads);
    if (heads % kvHeads != 0) {
      throw keys.badValue(
          "attention.head_count", heads + ", not a multiple of head_count_kv " + kvHeads);
    }
    return new Dimensions(
        layers,
        dim,
        ffnDim,
        heads,
        kvHeads,
        readHeadDim(dim, heads),
        readVocab(dim),
        keys.integer("context_length", 1, MAX_CONTEXT));
  }

  private void refuseUnknownFeatures() {
    for (String refused : REFUSED_KEYS) {
      if (metadata.has(keys.key(refused))) {
        throw new GgufException(
            Reason.UNSUPPORTED_FEATURE, quote(keys.key(refused)) + " is not supported");
      }
    }
    if (metadata.integer(keys.key("expert_count"), 0, Integer.MAX_VALUE, 0) != 0) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE, "mixture of experts (" + keys.key("expert_count") + ")");
    }
    boolean causal = !architecture.isEncoder();
    if (metadata.bool(keys.key("attention.causal"), causal) != causal) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          causal
              ? "attention without a causal mask (attention.causal)"
              : "an encoder with a causal mask (attention.causal)");
    }
  }

  private int readHeadDim(int dim, int heads) {
    if (!metadata.has(keys.key("attention.key_length")) && dim % heads != 0) {
      throw keys.badValue("embedding_length", dim + ", not a multiple of head_count " + heads);
    }
    int quotient = Math.max(1, dim / heads);
    int headDim = keys.integer("attention.key_length", 1, MAX_HEAD_DIM, quotient);
    int valueDim = keys.integer("attention.value_length", 1, MAX_HEAD_DIM, quotient);
    if (valueDim != headDim) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          "keys of " + headDim + " and values of " + valueDim + " (attention.value_length)");
    }
    return headDim;
  }

  /** The embedding's rows; the tokenizer must have as many tokens, where the file has one. */
  private int readVocab(int dim) {
    GgufTensor embedding = weights.required(TOKEN_EMBD.tensorName(WeightCollector.WHOLE_MODEL));
    if (embedding.dims().size() != 2 || embedding.cols() != dim) {
      throw WeightCollector.badShape(embedding, "[" + dim + ", vocabulary]");
    }
    GgufStrings tokens = metadata.stringsOrNull("tokenizer.ggml.tokens");
    long vocab = tokens == null ? keys.integer("vocab_size", 1, MAX_VOCAB) : tokens.size();
    if (vocab < 1 || vocab > MAX_VOCAB || vocab != embedding.rows()) {
      throw new GgufException(
          Reason.BAD_SHAPE,
          quote(embedding.name()) + " has " + embedding.rows() + " rows for " + vocab + " tokens");
    }
    return (int) vocab;
  }

  /** A classifier makes a ranking model of an encoder; without a word for it the mean is taken. */
  private Pooling readPooling() {
    if (!architecture.isEncoder()) {
      return readDecoderPooling();
    }
    boolean classifies = file.tensor(CLS_OUT.tensorName(WeightCollector.WHOLE_MODEL)) != null;
    Pooling fallback = classifies ? Pooling.RANK : Pooling.MEAN;
    int id = keys.integer("pooling_type", 1, Pooling.RANK.id(), fallback.id());
    Pooling pooling = Pooling.byId(id);
    if (pooling != Pooling.RANK && classifies) {
      throw keys.badValue("pooling_type", id + ", but the model has a classifier");
    }
    return pooling;
  }

  private Pooling readDecoderPooling() {
    Pooling pooling = Pooling.byId(keys.integer("pooling_type", 0, Pooling.RANK.id(), 0));
    if (pooling == Pooling.RANK) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          "a decoder that ranks (" + keys.key("pooling_type") + " is " + pooling.id() + ")");
    }
    return pooling;
  }

  private float readEpsilon() {
    String suffix =
        architecture.isEncoder()
            ? "attention.layer_norm_epsilon"
            : "attention.layer_norm_rms_epsilon";
    float epsilon = metadata.real(keys.key(suffix));
    if (epsilon < 0 || epsilon >= 1) {
      throw keys.badValue(suffix, epsilon + ", outside 0 to 1");
    }
    return epsilon;
  }

  private long parameters() {
    return weights.all().stream().mapToLong(w -> w.rows() * w.cols()).sum();
  }

  /** The type of most layer weights, with the mix {@code general.file_type} names if it agrees. */
  private String quantization() {
    Map<TensorType, Long> elements = new HashMap<>();
    for (Weight weight : weights.all()) {
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
          case 11 -> "Q3_K_S";
          case 12 -> "Q3_K_M";
          case 13 -> "Q3_K_L";
          case 14 -> "Q4_K_S";
          case 15 -> "Q4_K_M";
          case 16 -> "Q5_K_S";
          case 17 -> "Q5_K_M";
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

  private void requirePresent(String suffix, int value) {
    if (value == 0) {
      throw new GgufException(Reason.MISSING_KEY, quote(keys.key(suffix)) + " is not there");
    }
  }
}

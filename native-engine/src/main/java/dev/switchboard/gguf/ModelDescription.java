package dev.switchboard.gguf;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A model the engine can run: every dimension is in bounds, every tensor it needs is there once
 * with the shape and a type the kernels take, and no tensor is left over.
 *
 * @param id what clients call the model: the file's name without {@code .gguf}
 * @param name {@code general.name}, or the id
 * @param quantization the weight type of most layers, as files are named: {@code Q4_K_M}
 * @param parameters number of weights; a tied output layer counts once
 * @param dim embedding length
 * @param ffnDim inner length of the feed-forward block
 * @param headDim length of one attention head
 * @param vocab tokens, as the embedding and the tokenizer agree
 * @param context longest sequence the model was trained for, tokens
 * @param normEpsilon of the layers' norms
 * @param embeddingScale of token embeddings; 1 is none
 * @param logitSoftcap c, where a logit x becomes c tanh(x / c); 0 is none
 * @param pooling what a model that embeds gives for a text; NONE for one that generates
 * @param tiedOutput whether the output layer is the token embedding
 */
public record ModelDescription(
    String id,
    String name,
    Architecture architecture,
    String quantization,
    long parameters,
    int layers,
    int dim,
    int ffnDim,
    int heads,
    int kvHeads,
    int headDim,
    int vocab,
    int context,
    Rope rope,
    Attention attention,
    float normEpsilon,
    float embeddingScale,
    float logitSoftcap,
    Pooling pooling,
    boolean tiedOutput,
    List<Weight> weights) {

  public ModelDescription {
    weights = List.copyOf(weights);
  }

  /**
   * How positions rotate queries and keys.
   *
   * @param dim rotated dimensions per head; 0 where positions have embeddings instead
   * @param scale positions are divided by it; 1 is none
   * @param magnitude of the rotation; 1 is none
   * @param windowBase base of layers with a window, unscaled; 0 is the same as the others
   * @param originalContext longest sequence before it was stretched; 0 where nothing depends on it
   * @param yarn how YaRN stretches it, or null
   */
  public record Rope(
      Architecture.RopeKind kind,
      int dim,
      float base,
      float scale,
      float magnitude,
      float windowBase,
      int originalContext,
      @Nullable Yarn yarn) {}

  /**
   * Which frequencies YaRN scales.
   *
   * @param fast pairs that turn at least so often in the original context are not scaled
   * @param slow pairs that turn at most so often are
   */
  public record Yarn(float fast, float slow) {}

  /**
   * How scores are worked out.
   *
   * @param scale of a query's product with a key
   * @param softcap c, where a scaled score s becomes c tanh(s / c); 0 is none
   * @param windows per layer, how many positions a token attends to, its own included, 0 for all;
   *     empty where no layer has a window
   */
  public record Attention(float scale, float softcap, List<Integer> windows) {
    public Attention {
      windows = List.copyOf(windows);
    }
  }

  /** What a model that embeds gives for a text; ids as {@code sb_pooling} and in files. */
  public enum Pooling {
    NONE(0),
    MEAN(1),
    CLS(2),
    LAST(3),
    RANK(4);

    private final int id;

    Pooling(int id) {
      this.id = id;
    }

    static Pooling byId(int id) {
      for (Pooling pooling : values()) {
        if (pooling.id == id) {
          return pooling;
        }
      }
      throw new IllegalArgumentException("pooling " + id);
    }

    public int id() {
      return id;
    }
  }

  /** Whether it gives one vector, or score, for a whole text; every encoder does. */
  public boolean embeds() {
    return pooling != Pooling.NONE;
  }

  /** Floats that it gives for a text: its score, or a vector; 0 when it generates. */
  public int embeddingSize() {
    return switch (pooling) {
      case NONE -> 0;
      case RANK -> 1;
      case MEAN, CLS, LAST -> dim;
    };
  }

  /**
   * A tensor and its place in the model.
   *
   * @param layer 0 to layers - 1, or -1 for the model-wide ones
   * @param rows output length, 1 for a vector
   * @param cols input length, contiguous
   * @param data exactly these rows' bytes, valid until the file is closed
   */
  public record Weight(
      TensorRole role, int layer, TensorType type, long rows, long cols, MemorySegment data) {}

  /**
   * Reads and checks the model in a file.
   *
   * @throws GgufException when it is no model the engine can run; the message says why
   */
  public static ModelDescription of(GgufFile file) {
    return new ModelReader(file).read();
  }

  /** The same model with another longest sequence. */
  public ModelDescription withContext(int tokens) {
    return new ModelDescription(
        id,
        name,
        architecture,
        quantization,
        parameters,
        layers,
        dim,
        ffnDim,
        heads,
        kvHeads,
        headDim,
        vocab,
        tokens,
        rope,
        attention,
        normEpsilon,
        embeddingScale,
        logitSoftcap,
        pooling,
        tiedOutput,
        weights);
  }
}

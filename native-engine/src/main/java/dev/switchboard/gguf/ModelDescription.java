package dev.switchboard.gguf;

import java.lang.foreign.MemorySegment;
import java.util.List;

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
 * @param ropeDim rotated dimensions per head
 * @param ropeScale positions are divided by it; 1 is none
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
    Architecture.RopeKind ropeKind,
    int ropeDim,
    float ropeBase,
    float ropeScale,
    float rmsEpsilon,
    boolean tiedOutput,
    List<Weight> weights) {

  public ModelDescription {
    weights = List.copyOf(weights);
  }

  /**
   * A tensor and its place in the model.
   *
   * @param layer 0 to layers - 1, or -1 for the model-wide ones
   * @param rows output length, 1 for a vector
   * @param cols input length, contiguous
   * @param data exactly the tensor's bytes, valid until the file is closed
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
        ropeKind,
        ropeDim,
        ropeBase,
        ropeScale,
        rmsEpsilon,
        tiedOutput,
        weights);
  }
}

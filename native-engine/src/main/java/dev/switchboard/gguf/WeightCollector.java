package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;
import static dev.switchboard.gguf.TensorRole.*;

import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.ModelDescription.Pooling;
import dev.switchboard.gguf.ModelDescription.Weight;
import dev.switchboard.gguf.ModelReader.Dimensions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds a model's tensors, checks their shapes and types, and knows which were not asked for.
 *
 * <p>Some files hold several matrices in one tensor, one below the other; they are handed on as
 * what they are.
 */
final class WeightCollector {
  static final int WHOLE_MODEL = -1;

  private final GgufFile file;
  private final Architecture architecture;
  private final List<Weight> weights = new ArrayList<>();
  private final Set<String> used = new HashSet<>();

  WeightCollector(GgufFile file, Architecture architecture) {
    this.file = file;
    this.architecture = architecture;
  }

  List<Weight> all() {
    return weights;
  }

  /** Whether a model-wide tensor was collected. */
  boolean has(TensorRole role) {
    return weights.stream().anyMatch(weight -> weight.role() == role);
  }

  /** Whether the file has a model-wide tensor. */
  boolean exists(TensorRole role) {
    return file.tensor(role.tensorName(WHOLE_MODEL)) != null;
  }

  /** Collects all weights but those of the rotation. */
  void collect(Dimensions dimensions, Pooling pooling) {
    matrix(TOKEN_EMBD, WHOLE_MODEL, dimensions.vocab(), dimensions.dim());
    if (architecture.isEncoder()) {
      collectEncoder(dimensions, pooling);
    }
    for (int layer = 0; layer < dimensions.layers(); layer++) {
      collectLayer(layer, dimensions);
    }
    if (architecture.isEncoder()) {
      return;
    }
    vector(OUTPUT_NORM, WHOLE_MODEL, dimensions.dim());
    if (exists(OUTPUT) && architecture != Architecture.GEMMA2) {
      matrix(OUTPUT, WHOLE_MODEL, dimensions.vocab(), dimensions.dim());
    }
  }

  private void collectEncoder(Dimensions dimensions, Pooling pooling) {
    int dim = dimensions.dim();
    if (architecture == Architecture.BERT) {
      collectPositions(dimensions);
    }
    collectTokenType(dim);
    vector(EMBD_NORM, WHOLE_MODEL, dim);
    vector(EMBD_NORM_BIAS, WHOLE_MODEL, dim);
    if (pooling != Pooling.RANK) {
      return;
    }
    if (exists(CLS)) {
      matrix(CLS, WHOLE_MODEL, dim, dim);
    }
    optionalVector(CLS_BIAS, WHOLE_MODEL, dim);
    classifier(dim);
  }

  /** Classifiers of several labels say nothing that documents could be ordered by. */
  private void classifier(int dim) {
    GgufTensor tensor = required(CLS_OUT.tensorName(WHOLE_MODEL));
    if (tensor.cols() == dim && tensor.rows() > 1) {
      throw new GgufException(
          Reason.UNSUPPORTED_FEATURE,
          quote(tensor.name()) + " has " + tensor.rows() + " labels, a ranking model has one");
    }
    if (tensor.elements() != dim || tensor.cols() != dim) {
      throw badShape(tensor, "[" + dim + ", 1]");
    }
    checkType(tensor);
    add(tensor, CLS_OUT, WHOLE_MODEL, 1, dim);
    optionalVector(CLS_OUT_BIAS, WHOLE_MODEL, 1);
  }

  private void collectPositions(Dimensions dimensions) {
    GgufTensor tensor = required(POSITION_EMBD.tensorName(WHOLE_MODEL));
    if (tensor.dims().size() != 2
        || tensor.cols() != dimensions.dim()
        || tensor.rows() < dimensions.context()) {
      throw badShape(tensor, "[" + dimensions.dim() + ", at least " + dimensions.context() + "]");
    }
    checkType(tensor);
    add(tensor, POSITION_EMBD, WHOLE_MODEL, tensor.rows(), tensor.cols());
  }

  /** Texts are all of the first type. */
  private void collectTokenType(int dim) {
    GgufTensor tensor = file.tensor(TOKEN_TYPES.tensorName(WHOLE_MODEL));
    if (tensor == null) {
      return;
    }
    if (tensor.cols() != dim) {
      throw badShape(tensor, "[" + dim + ", types]");
    }
    checkVectorType(tensor);
    addRows(tensor, TOKEN_TYPES, WHOLE_MODEL, 0, 1);
  }

  private void collectLayer(int layer, Dimensions dimensions) {
    int dim = dimensions.dim();
    boolean encoder = architecture.isEncoder();
    if (!encoder) {
      vector(ATTN_NORM, layer, dim);
    }
    collectQueryKeyValue(layer, dimensions);
    matrix(ATTN_OUTPUT, layer, dim, dimensions.queryRows());
    collectAttentionVectors(layer, dimensions);
    if (architecture.isGemma()) {
      vector(ATTN_POST_NORM, layer, dim);
      vector(FFN_POST_NORM, layer, dim);
    }
    if (encoder) {
      collectEncoderVectors(layer, dimensions);
    } else {
      vector(FFN_NORM, layer, dim);
    }
    collectFeedForward(layer, dimensions);
  }

  private void collectQueryKeyValue(int layer, Dimensions dimensions) {
    long q = dimensions.queryRows();
    long kv = dimensions.keyRows();
    GgufTensor fused = file.tensor("blk." + layer + ".attn_qkv.weight");
    if (fused == null) {
      matrix(ATTN_Q, layer, q, dimensions.dim());
      matrix(ATTN_K, layer, kv, dimensions.dim());
      matrix(ATTN_V, layer, kv, dimensions.dim());
      return;
    }
    checkMatrix(fused, q + 2 * kv, dimensions.dim());
    addRows(fused, ATTN_Q, layer, 0, q);
    addRows(fused, ATTN_K, layer, q, q + kv);
    addRows(fused, ATTN_V, layer, q + kv, q + 2 * kv);
  }

  private void collectFeedForward(int layer, Dimensions dimensions) {
    int dim = dimensions.dim();
    int ffn = dimensions.ffnDim();
    GgufTensor up = required(FFN_UP.tensorName(layer));
    if (architecture == Architecture.PHI3 && file.tensor(FFN_GATE.tensorName(layer)) == null) {
      checkMatrix(up, 2L * ffn, dim);
      addRows(up, FFN_GATE, layer, 0, ffn);
      addRows(up, FFN_UP, layer, ffn, 2L * ffn);
    } else {
      if (architecture != Architecture.BERT) {
        matrix(FFN_GATE, layer, ffn, dim);
      }
      matrix(FFN_UP, layer, ffn, dim);
    }
    matrix(FFN_DOWN, layer, dim, ffn);
  }

  private void collectAttentionVectors(int layer, Dimensions dimensions) {
    long q = dimensions.queryRows();
    long kv = dimensions.keyRows();
    switch (architecture) {
      case LLAMA, BERT, NOMIC_BERT -> collectOptionalBiases(layer, q, kv);
      case QWEN2 -> {
        vector(ATTN_Q_BIAS, layer, q);
        vector(ATTN_K_BIAS, layer, kv);
        vector(ATTN_V_BIAS, layer, kv);
      }
      case QWEN3, GEMMA3 -> {
        vector(ATTN_Q_NORM, layer, dimensions.headDim());
        vector(ATTN_K_NORM, layer, dimensions.headDim());
      }
      case GEMMA2, PHI3 -> {}
    }
  }

  private void collectOptionalBiases(int layer, long q, long kv) {
    GgufTensor fused = file.tensor("blk." + layer + ".attn_qkv.bias");
    if (fused == null) {
      optionalVector(ATTN_Q_BIAS, layer, q);
      optionalVector(ATTN_K_BIAS, layer, kv);
      optionalVector(ATTN_V_BIAS, layer, kv);
      return;
    }
    checkVector(fused, q + 2 * kv);
    addElements(fused, ATTN_Q_BIAS, layer, 0, q);
    addElements(fused, ATTN_K_BIAS, layer, q, q + kv);
    addElements(fused, ATTN_V_BIAS, layer, q + kv, q + 2 * kv);
  }

  private void collectEncoderVectors(int layer, Dimensions dimensions) {
    int dim = dimensions.dim();
    optionalVector(ATTN_OUTPUT_BIAS, layer, dim);
    vector(ATTN_OUT_NORM, layer, dim);
    vector(ATTN_OUT_NORM_BIAS, layer, dim);
    vector(LAYER_OUT_NORM, layer, dim);
    vector(LAYER_OUT_NORM_BIAS, layer, dim);
    if (architecture == Architecture.BERT) {
      optionalVector(FFN_UP_BIAS, layer, dimensions.ffnDim());
      optionalVector(FFN_DOWN_BIAS, layer, dim);
    }
  }

  private void matrix(TensorRole role, int layer, long rows, long cols) {
    GgufTensor tensor = required(role.tensorName(layer));
    checkMatrix(tensor, rows, cols);
    add(tensor, role, layer, rows, cols);
  }

  void vector(TensorRole role, int layer, long length) {
    GgufTensor tensor = required(role.tensorName(layer));
    checkVector(tensor, length);
    add(tensor, role, layer, 1, length);
  }

  void optionalVector(TensorRole role, int layer, long length) {
    if (file.tensor(role.tensorName(layer)) != null) {
      vector(role, layer, length);
    }
  }

  private static void checkMatrix(GgufTensor tensor, long rows, long cols) {
    if (!tensor.dims().equals(List.of(cols, rows))) {
      throw badShape(tensor, "[" + cols + ", " + rows + "]");
    }
    checkType(tensor);
  }

  private static void checkType(GgufTensor tensor) {
    if (!tensor.type().isSupported()) {
      throw new GgufException(
          Reason.UNSUPPORTED_TENSOR_TYPE,
          quote(tensor.name())
              + " is "
              + tensor.type()
              + ", not one of "
              + TensorType.supported()
              + ": the closest is "
              + tensor.type().nearest());
    }
  }

  private static void checkVector(GgufTensor tensor, long length) {
    if (tensor.elements() != length || tensor.cols() != length) {
      throw badShape(tensor, "[" + length + "]");
    }
    checkVectorType(tensor);
  }

  private static void checkVectorType(GgufTensor tensor) {
    if (tensor.type() != TensorType.F32) {
      throw new GgufException(
          Reason.UNSUPPORTED_TENSOR_TYPE,
          quote(tensor.name()) + " is " + tensor.type() + ", a vector must be F32");
    }
  }

  private void add(GgufTensor tensor, TensorRole role, int layer, long rows, long cols) {
    used.add(tensor.name());
    weights.add(new Weight(role, layer, tensor.type(), rows, cols, tensor.data()));
  }

  /** Rows [begin, end) of a matrix whose columns are whole blocks, as the file's checks hold. */
  private void addRows(GgufTensor tensor, TensorRole role, int layer, long begin, long end) {
    used.add(tensor.name());
    long rowBytes = tensor.data().byteSize() / tensor.rows();
    weights.add(
        new Weight(
            role,
            layer,
            tensor.type(),
            end - begin,
            tensor.cols(),
            tensor.data().asSlice(begin * rowBytes, (end - begin) * rowBytes)));
  }

  private void addElements(GgufTensor tensor, TensorRole role, int layer, long begin, long end) {
    used.add(tensor.name());
    weights.add(
        new Weight(
            role,
            layer,
            tensor.type(),
            1,
            end - begin,
            tensor.data().asSlice(begin * Float.BYTES, (end - begin) * Float.BYTES)));
  }

  GgufTensor required(String name) {
    GgufTensor tensor = file.tensor(name);
    if (tensor == null) {
      throw new GgufException(Reason.MISSING_TENSOR, quote(name) + " is not there");
    }
    return tensor;
  }

  void refuseLeftovers() {
    for (GgufTensor tensor : file.tensors()) {
      if (!used.contains(tensor.name())) {
        throw new GgufException(
            Reason.UNEXPECTED_TENSOR,
            quote(tensor.name()) + " has no place in a " + architecture.word() + " model");
      }
    }
  }

  static GgufException badShape(GgufTensor tensor, @Nullable String wanted) {
    return new GgufException(
        Reason.BAD_SHAPE, quote(tensor.name()) + " is " + tensor.dims() + ", wanted " + wanted);
  }
}

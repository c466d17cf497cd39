package dev.switchboard.executor;

import dev.switchboard.executor.binding.Switchboard;
import dev.switchboard.executor.binding.sb_engine_config;
import dev.switchboard.executor.binding.sb_model_config;
import dev.switchboard.executor.binding.sb_tensor;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.gguf.TensorRole;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** A model and a layout as the structs {@code sb_engine_create} reads. */
final class NativeModel {
  private NativeModel() {}

  /**
   * @param context longest sequence in tokens
   */
  static MemorySegment model(SegmentAllocator memory, ModelDescription model, int context) {
    MemorySegment struct = sb_model_config.allocate(memory);
    sb_model_config.struct_size(struct, (int) sb_model_config.sizeof());
    sb_model_config.arch(struct, model.architecture().id());
    sb_model_config.n_layers(struct, model.layers());
    sb_model_config.dim(struct, model.dim());
    sb_model_config.ffn_dim(struct, model.ffnDim());
    sb_model_config.n_heads(struct, model.heads());
    sb_model_config.n_kv_heads(struct, model.kvHeads());
    sb_model_config.head_dim(struct, model.headDim());
    sb_model_config.vocab(struct, model.vocab());
    sb_model_config.context(struct, context);
    rope(struct, model.rope());
    ModelDescription.Attention attention = model.attention();
    sb_model_config.norm_epsilon(struct, model.normEpsilon());
    sb_model_config.embedding_scale(struct, model.embeddingScale());
    sb_model_config.attention_scale(struct, attention.scale());
    sb_model_config.attention_softcap(struct, attention.softcap());
    sb_model_config.logit_softcap(struct, model.logitSoftcap());
    sb_model_config.pooling(struct, model.pooling().id());
    sb_model_config.windows(struct, windows(memory, attention.windows()));
    List<ModelDescription.Weight> weights = weights(model);
    sb_model_config.n_tensors(struct, weights.size());
    sb_model_config.tensors(struct, tensors(memory, weights));
    return struct;
  }

  /**
   * With one set of rope factors: that for sequences as long as the model serves. What its KV pool
   * holds must not count, or replicas with more memory would answer otherwise.
   */
  private static List<ModelDescription.Weight> weights(ModelDescription model) {
    boolean isLong = model.context() > model.rope().originalContext();
    TensorRole unused = isLong ? TensorRole.ROPE_FACTORS_SHORT : TensorRole.ROPE_FACTORS_LONG;
    return model.weights().stream().filter(weight -> weight.role() != unused).toList();
  }

  private static void rope(MemorySegment struct, ModelDescription.Rope rope) {
    sb_model_config.rope_kind(struct, rope.kind().id());
    sb_model_config.rope_dim(struct, rope.dim());
    sb_model_config.rope_base(struct, rope.base());
    sb_model_config.rope_scale(struct, rope.scale());
    sb_model_config.rope_magnitude(struct, rope.magnitude());
    sb_model_config.rope_window_base(struct, rope.windowBase());
    sb_model_config.rope_original_context(struct, rope.originalContext());
    ModelDescription.Yarn yarn = rope.yarn();
    sb_model_config.rope_yarn_fast(struct, yarn == null ? 0 : yarn.fast());
    sb_model_config.rope_yarn_slow(struct, yarn == null ? 0 : yarn.slow());
  }

  private static MemorySegment windows(SegmentAllocator memory, List<Integer> windows) {
    if (windows.isEmpty()) {
      return MemorySegment.NULL;
    }
    int[] perLayer = windows.stream().mapToInt(Integer::intValue).toArray();
    return memory.allocateFrom(ValueLayout.JAVA_INT, perLayer);
  }

  private static MemorySegment tensors(
      SegmentAllocator memory, List<ModelDescription.Weight> weights) {
    MemorySegment array = sb_tensor.allocateArray(weights.size(), memory);
    for (int i = 0; i < weights.size(); i++) {
      ModelDescription.Weight weight = weights.get(i);
      MemorySegment struct = sb_tensor.asSlice(array, i);
      sb_tensor.struct_size(struct, (int) sb_tensor.sizeof());
      sb_tensor.role(struct, weight.role().id());
      sb_tensor.layer(struct, weight.layer());
      sb_tensor.type(struct, weight.type().id());
      sb_tensor.rows(struct, weight.rows());
      sb_tensor.cols(struct, weight.cols());
      sb_tensor.data(struct, weight.data());
      sb_tensor.bytes(struct, weight.data().byteSize());
    }
    return array;
  }

  static MemorySegment config(SegmentAllocator memory, ExecutorConfig config) {
    MemorySegment struct = sb_engine_config.allocate(memory);
    sb_engine_config.struct_size(struct, (int) sb_engine_config.sizeof());
    sb_engine_config.stages(struct, config.stages());
    sb_engine_config.ranks(struct, config.ranks());
    sb_engine_config.threads(struct, config.threads());
    sb_engine_config.isa(struct, isa(config.isa()));
    sb_engine_config.kv_type(struct, kvType(config.kvType()));
    sb_engine_config.kv_block_tokens(struct, config.kvBlockTokens());
    sb_engine_config.kv_blocks(struct, config.kvBlocks());
    sb_engine_config.max_rows(struct, config.maxRows());
    sb_engine_config.max_step_tokens(struct, config.maxStepTokens());
    sb_engine_config.max_step_outputs(struct, config.maxStepOutputs());
    sb_engine_config.max_in_flight(struct, config.maxInFlight());
    sb_engine_config.timeline_records(struct, config.timelineRecords());
    sb_engine_config.hang_timeout_ms(struct, config.hangTimeoutMs());
    sb_engine_config.allow_fault_injection(struct, config.allowFaultInjection() ? 1 : 0);
    sb_engine_config.mask_slots(struct, 2 * config.maxRows());
    return struct;
  }

  static ExecutorConfig.Isa isaOf(int number) {
    for (ExecutorConfig.Isa isa : ExecutorConfig.Isa.values()) {
      if (isa(isa) == number) {
        return isa;
      }
    }
    throw new IllegalStateException("the library names an unknown instruction set: " + number);
  }

  private static int isa(ExecutorConfig.Isa isa) {
    return switch (isa) {
      case AUTO -> Switchboard.SB_ISA_AUTO();
      case REFERENCE -> Switchboard.SB_ISA_REFERENCE();
      case AVX2 -> Switchboard.SB_ISA_AVX2();
      case AVX512 -> Switchboard.SB_ISA_AVX512();
      case CUDA -> Switchboard.SB_ISA_CUDA();
    };
  }

  private static int kvType(ExecutorConfig.KvType type) {
    return switch (type) {
      case F32 -> Switchboard.SB_TYPE_F32();
      case F16 -> Switchboard.SB_TYPE_F16();
      case BF16 -> Switchboard.SB_TYPE_BF16();
      case Q8_0 -> Switchboard.SB_TYPE_Q8_0();
    };
  }
}

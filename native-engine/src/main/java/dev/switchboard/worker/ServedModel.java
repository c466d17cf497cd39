package dev.switchboard.worker;

import dev.switchboard.chat.ChatTemplate;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.Fault;
import dev.switchboard.openai.SamplingDefaults;
import dev.switchboard.scheduler.Engine;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.toolcall.ToolFormat;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A loaded model and everything a request needs of it.
 *
 * @param id the name requests call it by
 * @param createdSeconds Unix time of the model file
 * @param chatTemplate null when the model has none
 * @param toolFormat how it writes function calls
 * @param sampling of requests that say nothing of it
 * @param faults null unless fault injection is allowed
 */
record ServedModel(
    String id,
    long createdSeconds,
    Facts facts,
    Topology topology,
    Memory memory,
    Tokenizer tokenizer,
    ConstraintCompiler constraints,
    @Nullable ChatTemplate chatTemplate,
    ToolFormat toolFormat,
    SamplingDefaults sampling,
    Engine engine,
    @Nullable Consumer<Fault> faults) {

  /**
   * What the model is.
   *
   * @param dimensions of the vectors it gives; 1 for one that ranks, 0 for one that generates
   * @param context longest sequence it can serve here: of the model, the setting and the KV pool
   *     the smallest
   * @param fingerprint changes when the model, the engine or a setting that shapes answers changes
   */
  record Facts(
      String architecture,
      ModelTask task,
      int dimensions,
      long parameters,
      String quantisation,
      int context,
      int vocabulary,
      String fingerprint) {}

  /**
   * How it is spread.
   *
   * @param threads per rank
   * @param isa the instruction set the kernels use
   */
  record Topology(int stages, int ranks, int threads, String isa) {}

  /**
   * Planned at start; never grows.
   *
   * @param kvBlockTokens that a block of the KV pool holds
   * @param devices what of all but the heap lies on devices; null where the CPU computes
   */
  record Memory(
      long weightBytes,
      long kvBytes,
      long scratchBytes,
      long heapBytes,
      int kvBlockTokens,
      ExecutorInfo.@Nullable OnDevices devices) {}
}

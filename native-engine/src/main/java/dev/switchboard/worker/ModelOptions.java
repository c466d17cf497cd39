package dev.switchboard.worker;

import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.toolcall.ToolFormat;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Which model is served, and how it is laid out.
 *
 * @param name what requests call it; null for the file's name without {@code .gguf}
 * @param device what its layers run on
 * @param stages pipeline stages, of so many tensor-parallel ranks each
 * @param threads per rank; 0 shares the machine's cores among the ranks
 * @param context longest sequence; 0 for the model's own
 * @param memoryBytes for weights, KV, scratch and JVM together; null for no such bound
 * @param kvMemory of the KV pool; less is taken when the sequences cannot need it; null for what
 *     remains
 * @param kvType how keys and values are stored
 * @param maxSequences that run at a time
 * @param stepTokens most tokens of one engine step
 * @param hangTimeoutMs after which a step that does not end takes the engine down
 * @param chatTemplate a file to render chats with instead of the model's own template
 * @param toolFormat how the model writes function calls; null to see it from the template
 * @param modelSampling whether requests that say nothing of sampling get what the file recommends
 */
record ModelOptions(
    Path file,
    @Nullable String name,
    Device device,
    int stages,
    int ranks,
    int threads,
    int context,
    @Nullable Long memoryBytes,
    @Nullable KvMemory kvMemory,
    KvType kvType,
    int maxSequences,
    int stepTokens,
    int hangTimeoutMs,
    @Nullable Path chatTemplate,
    @Nullable ToolFormat toolFormat,
    boolean modelSampling,
    boolean allowFaultInjection) {

  /** The same with less room: sequences at a time, tokens of a step and of a sequence, and KV. */
  ModelOptions smaller(int sequences, int tokens, int longest, KvType kv) {
    return new ModelOptions(
        file,
        name,
        device,
        stages,
        ranks,
        threads,
        context == 0 ? longest : Math.min(context, longest),
        memoryBytes,
        kvMemory,
        kv,
        Math.min(maxSequences, sequences),
        Math.min(stepTokens, tokens),
        hangTimeoutMs,
        chatTemplate,
        toolFormat,
        modelSampling,
        allowFaultInjection);
  }
}

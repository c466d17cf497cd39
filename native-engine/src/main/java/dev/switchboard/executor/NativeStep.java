package dev.switchboard.executor;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.switchboard.executor.ExecutorException.Status;
import dev.switchboard.executor.binding.sb_plan;
import dev.switchboard.executor.binding.sb_plan_entry;
import dev.switchboard.executor.binding.sb_result;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The plan and result structs with their arrays: taken once for the largest step, written and read
 * in place, so that a step allocates nothing.
 */
final class NativeStep {
  private static final long ENTRY_BYTES = sb_plan_entry.sizeof();
  private static final long ROW = sb_plan_entry.row$offset();
  private static final long POSITION = sb_plan_entry.position$offset();
  private static final long TOKENS = sb_plan_entry.n_tokens$offset();
  private static final long BLOCKS = sb_plan_entry.n_blocks$offset();
  private static final long BLOCK_OFFSET = sb_plan_entry.block_offset$offset();
  private static final long OUTPUTS = sb_plan_entry.n_outputs$offset();
  private static final long TOP_LOGPROBS = sb_plan_entry.top_logprobs$offset();
  private static final long WANT_LOGPROBS = sb_plan_entry.want_logprobs$offset();

  final MemorySegment plan;
  final MemorySegment result;
  private final MemorySegment entries;
  private final MemorySegment tokens;
  private final MemorySegment blocks;
  private final MemorySegment targets;
  private final MemorySegment masks;
  private final MemorySegment resultTokens;
  private final MemorySegment resultLogprobs;
  private final MemorySegment topTokens;
  private final MemorySegment topLogprobs;
  private final MemorySegment embeddings;
  private final int embeddingSize;

  NativeStep(Arena arena, ExecutorConfig config, int context, int embeddingSize) {
    long tableBlocks = Math.ceilDiv(context, config.kvBlockTokens());
    long outputs = config.maxStepOutputs();
    entries = sb_plan_entry.allocateArray(config.maxRows(), arena);
    tokens = arena.allocate(JAVA_INT, config.maxStepTokens());
    blocks = arena.allocate(JAVA_INT, tableBlocks * config.maxRows());
    targets = arena.allocate(JAVA_INT, outputs);
    masks = arena.allocate(JAVA_INT, outputs);
    plan = sb_plan.allocate(arena);
    sb_plan.struct_size(plan, (int) sb_plan.sizeof());
    sb_plan.tokens(plan, tokens);
    sb_plan.entries(plan, entries);
    sb_plan.blocks(plan, blocks);
    sb_plan.targets(plan, targets);
    sb_plan.masks(plan, masks);

    resultTokens = arena.allocate(JAVA_INT, outputs);
    resultLogprobs = arena.allocate(JAVA_FLOAT, outputs);
    topTokens = arena.allocate(JAVA_INT, outputs * Executor.MAX_TOP_LOGPROBS);
    topLogprobs = arena.allocate(JAVA_FLOAT, outputs * Executor.MAX_TOP_LOGPROBS);
    this.embeddingSize = embeddingSize;
    embeddings = arena.allocate(JAVA_FLOAT, outputs * embeddingSize);
    result = sb_result.allocate(arena);
    sb_result.struct_size(result, (int) sb_result.sizeof());
    sb_result.tokens(result, resultTokens);
    sb_result.logprobs(result, resultLogprobs);
    sb_result.top_tokens(result, topTokens);
    sb_result.top_logprobs(result, topLogprobs);
    sb_result.embeddings(result, embeddingSize == 0 ? MemorySegment.NULL : embeddings);
  }

  void write(StepPlan from) {
    for (int entry = 0; entry < from.entries(); entry++) {
      writeEntry(from, entry);
    }
    MemorySegment.copy(from.tokens(), 0, tokens, JAVA_INT, 0, from.tokenTotal());
    MemorySegment.copy(from.blocks(), 0, blocks, JAVA_INT, 0, from.blockTotal());
    MemorySegment.copy(from.targets(), 0, targets, JAVA_INT, 0, from.outputTotal());
    MemorySegment.copy(from.masks(), 0, masks, JAVA_INT, 0, from.outputTotal());
    sb_plan.n_entries(plan, from.entries());
    sb_plan.n_tokens(plan, from.tokenTotal());
    sb_plan.n_outputs(plan, from.outputTotal());
    sb_plan.n_blocks(plan, from.blockTotal());
    sb_plan.step(plan, from.step());
    sb_plan.unrecorded(plan, from.isRecorded() ? 0 : 1);
  }

  private void writeEntry(StepPlan from, int entry) {
    long at = entry * ENTRY_BYTES;
    entries.set(JAVA_INT, at + ROW, from.row(entry));
    entries.set(JAVA_INT, at + POSITION, from.position(entry));
    entries.set(JAVA_INT, at + TOKENS, from.tokenCount(entry));
    entries.set(JAVA_INT, at + BLOCKS, from.blockCount(entry));
    entries.set(JAVA_INT, at + BLOCK_OFFSET, from.blockOffset(entry));
    entries.set(JAVA_INT, at + OUTPUTS, from.outputCount(entry));
    entries.set(JAVA_INT, at + TOP_LOGPROBS, from.topLogprobs(entry));
    entries.set(JAVA_INT, at + WANT_LOGPROBS, from.wantsLogprobs(entry) ? 1 : 0);
  }

  /** Takes the result over. */
  void read(StepResult to) {
    to.times(
        sb_result.step(result),
        sb_result.submit_ns(result),
        sb_result.start_ns(result),
        sb_result.end_ns(result));
    Status status = Status.of(sb_result.status(result));
    if (status != Status.OK) {
      int stage = failedStage();
      int rank = failedRank();
      String text =
          "step " + sb_result.step(result) + " failed on stage " + stage + " rank " + rank;
      to.failed(status, text, stage, rank);
      return;
    }
    int outputs = sb_result.n_outputs(result);
    MemorySegment.copy(resultTokens, JAVA_INT, 0, to.tokens(), 0, outputs);
    MemorySegment.copy(resultLogprobs, JAVA_FLOAT, 0, to.logprobs(), 0, outputs);
    int alternatives = outputs * Executor.MAX_TOP_LOGPROBS;
    MemorySegment.copy(topTokens, JAVA_INT, 0, to.topTokens(), 0, alternatives);
    MemorySegment.copy(topLogprobs, JAVA_FLOAT, 0, to.topLogprobs(), 0, alternatives);
    int floats = outputs * embeddingSize;
    MemorySegment.copy(embeddings, JAVA_FLOAT, 0, to.embeddings(), 0, floats);
    to.succeeded(outputs);
  }

  int failedStage() {
    return sb_result.failed_stage(result);
  }

  int failedRank() {
    return sb_result.failed_rank(result);
  }
}

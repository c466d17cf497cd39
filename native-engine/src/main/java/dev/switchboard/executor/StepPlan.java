package dev.switchboard.executor;

import java.util.Arrays;

/**
 * What one step computes: entries of distinct rows, each some consecutive positions of a sequence.
 * Reused from step to step; filled by {@link #reset}, then per entry {@link #entry}, {@link
 * #block}, {@link #token} and {@link #output}.
 */
public final class StepPlan {
  private final int[] rows;
  private final int[] positions;
  private final int[] tokenCounts;
  private final int[] blockCounts;
  private final int[] blockOffsets;
  private final int[] outputCounts;
  private final int[] topLogprobs;
  private final boolean[] logprobs;
  private final int[] tokens;
  private final int[] targets;
  private final int[] masks;
  private int[] blocks;
  private long step;
  private boolean recorded;
  private int entries;
  private int tokenTotal;
  private int outputTotal;
  private int blockTotal;

  public StepPlan(int maxEntries, int maxTokens, int maxOutputs) {
    rows = new int[maxEntries];
    positions = new int[maxEntries];
    tokenCounts = new int[maxEntries];
    blockCounts = new int[maxEntries];
    blockOffsets = new int[maxEntries];
    outputCounts = new int[maxEntries];
    topLogprobs = new int[maxEntries];
    logprobs = new boolean[maxEntries];
    tokens = new int[maxTokens];
    targets = new int[maxOutputs];
    masks = new int[maxOutputs];
    blocks = new int[Math.max(64, maxEntries)];
  }

  /** Empties it for a step; steps are numbered from 1, strictly increasing. */
  public void reset(long newStep) {
    step = newStep;
    recorded = true;
    entries = 0;
    tokenTotal = 0;
    outputTotal = 0;
    blockTotal = 0;
  }

  /** Has the timeline tell nothing of the step, which then costs what it does without one. */
  public void unrecorded() {
    recorded = false;
  }

  /**
   * Starts an entry.
   *
   * @param position of its first token
   * @param top alternatives per output, 0 to {@link Executor#MAX_TOP_LOGPROBS}
   * @param withLogprobs the chosen or target token's log-probability is computed too
   */
  public void entry(int row, int position, int top, boolean withLogprobs) {
    rows[entries] = row;
    positions[entries] = position;
    tokenCounts[entries] = 0;
    blockCounts[entries] = 0;
    blockOffsets[entries] = blockTotal;
    outputCounts[entries] = 0;
    topLogprobs[entries] = top;
    logprobs[entries] = withLogprobs;
    entries++;
  }

  /** Adds the next block of the entry's block table. */
  public void block(int block) {
    makeRoom(1);
    blocks[blockTotal++] = block;
    blockCounts[entries - 1]++;
  }

  /** Adds the first blocks of an array: a long sequence has hundreds, in every step. */
  public void blocks(int[] table, int count) {
    makeRoom(count);
    System.arraycopy(table, 0, blocks, blockTotal, count);
    blockTotal += count;
    blockCounts[entries - 1] += count;
  }

  private void makeRoom(int more) {
    if (blockTotal + more > blocks.length) {
      blocks = Arrays.copyOf(blocks, Math.max(blocks.length * 2, blockTotal + more));
    }
  }

  /** Adds the entry's next token: an id or {@link Executor#LAST_SAMPLED}. */
  public void token(int token) {
    tokens[tokenTotal++] = token;
    tokenCounts[entries - 1]++;
  }

  /** Adds an output for the entry's last positions: a target token or {@link Executor#SAMPLE}. */
  public void output(int target) {
    masks[outputTotal] = Executor.NO_MASK;
    targets[outputTotal++] = target;
    outputCounts[entries - 1]++;
  }

  /** Has the last output, a sampled one, wait for {@link Executor#mask}. */
  public void mask(int slot) {
    masks[outputTotal - 1] = slot;
  }

  public long step() {
    return step;
  }

  /** Whether the timeline tells of the step, where the executor keeps one. */
  public boolean isRecorded() {
    return recorded;
  }

  public int entries() {
    return entries;
  }

  public int tokenTotal() {
    return tokenTotal;
  }

  public int outputTotal() {
    return outputTotal;
  }

  public int blockTotal() {
    return blockTotal;
  }

  public int row(int entry) {
    return rows[entry];
  }

  public int position(int entry) {
    return positions[entry];
  }

  public int tokenCount(int entry) {
    return tokenCounts[entry];
  }

  public int blockCount(int entry) {
    return blockCounts[entry];
  }

  public int blockOffset(int entry) {
    return blockOffsets[entry];
  }

  public int outputCount(int entry) {
    return outputCounts[entry];
  }

  public int topLogprobs(int entry) {
    return topLogprobs[entry];
  }

  public boolean wantsLogprobs(int entry) {
    return logprobs[entry];
  }

  /** Tokens of all entries, concatenated; the first {@link #tokenTotal} count. */
  int[] tokens() {
    return tokens;
  }

  /** Block tables of all entries, concatenated; the first {@link #blockTotal} count. */
  int[] blocks() {
    return blocks;
  }

  /** Mask slots of all outputs, or {@link Executor#NO_MASK}. */
  int[] masks() {
    return masks;
  }

  /** Targets of all entries, concatenated; the first {@link #outputTotal} count. */
  int[] targets() {
    return targets;
  }
}

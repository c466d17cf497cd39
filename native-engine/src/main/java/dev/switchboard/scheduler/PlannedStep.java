package dev.switchboard.scheduler;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Which sequences a step in flight computes, in the plan's entry order. Reused. */
final class PlannedStep {
  private final @Nullable Sequence[] sequences;
  private final int[] ends;
  private final int[] tokens;
  private final int[] outputs;
  private long step;
  private int size;

  PlannedStep(int maxEntries) {
    sequences = new Sequence[maxEntries];
    ends = new int[maxEntries];
    tokens = new int[maxEntries];
    outputs = new int[maxEntries];
  }

  void reset(long newStep) {
    Arrays.fill(sequences, 0, size, null);
    step = newStep;
    size = 0;
  }

  void add(Sequence sequence, int end, int tokenCount, int outputCount) {
    sequences[size] = sequence;
    ends[size] = end;
    tokens[size] = tokenCount;
    outputs[size] = outputCount;
    size++;
  }

  long step() {
    return step;
  }

  int size() {
    return size;
  }

  Sequence sequence(int entry) {
    Sequence sequence = sequences[entry];
    if (sequence == null) {
      throw new IllegalStateException("step " + step + " has no entry " + entry);
    }
    return sequence;
  }

  /** The sequence's computed tokens after this step. */
  int end(int entry) {
    return ends[entry];
  }

  int tokens(int entry) {
    return tokens[entry];
  }

  int outputs(int entry) {
    return outputs[entry];
  }
}

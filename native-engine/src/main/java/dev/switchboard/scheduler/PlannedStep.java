package dev.switchboard.scheduler;

import dev.switchboard.executor.Executor;
import dev.switchboard.timeline.AttemptId;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Which sequences a step in flight computes, in the plan's entry order. Reused. */
final class PlannedStep {
  private final @Nullable Sequence[] sequences;
  private final int[] ends;
  private final int[] tokens;
  private final int[] outputs;
  private final int[] masks;
  private int masksMissing;
  private long step;
  private int size;

  PlannedStep(int maxEntries) {
    sequences = new Sequence[maxEntries];
    ends = new int[maxEntries];
    tokens = new int[maxEntries];
    outputs = new int[maxEntries];
    masks = new int[maxEntries];
  }

  void reset(long newStep) {
    Arrays.fill(sequences, 0, size, null);
    step = newStep;
    size = 0;
    masksMissing = 0;
  }

  void add(Sequence sequence, int end, int tokenCount, int outputCount) {
    sequences[size] = sequence;
    ends[size] = end;
    tokens[size] = tokenCount;
    outputs[size] = outputCount;
    masks[size] = Executor.NO_MASK;
    size++;
  }

  /** The entry added last samples under a mask that is not known yet. */
  void awaitMask(int slot) {
    masks[size - 1] = slot;
    masksMissing++;
  }

  /** Whether some entry's mask is not known yet. */
  boolean awaitsMasks() {
    return masksMissing > 0;
  }

  /** The slot whose mask the entry waits for, or {@link Executor#NO_MASK}. */
  int awaitedMask(int entry) {
    return masks[entry];
  }

  void maskKnown(int entry) {
    masks[entry] = Executor.NO_MASK;
    masksMissing--;
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

  /** Says whose sequences it computes. */
  void tellMembers(StepTrace trace) {
    for (int entry = 0; entry < size; entry++) {
      AttemptId attempt = sequence(entry).listener.attempt();
      if (attempt != null) {
        trace.member(attempt);
      }
    }
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

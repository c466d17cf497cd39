package dev.switchboard.scheduler;

import dev.switchboard.timeline.EpochClock;
import java.util.ArrayList;
import java.util.List;

/**
 * The latest steps of an engine. The engine's thread adds, without an allocation; any thread reads,
 * one step at a time, so that it is never waited for longer than a copy of one takes.
 */
final class RecentSteps {
  static final int MOST = 512;

  private static final long MOST_BYTES = 4 << 20;
  private static final int LEAST = 16;

  private static final int STEP = 0;
  private static final int SUBMIT = 1;
  private static final int START = 2;
  private static final int END = 3;
  private static final int TOKENS = 4;
  private static final int PROMPT_TOKENS = 5;
  private static final int REQUESTS = 6;
  private static final int GAP_OFF_CPU = 7;
  private static final int FIELDS = 8;

  private final int ranks;
  private final int lanes;
  private final int capacity;
  private final Object lock = new Object();

  // Guarded by the lock.
  private final long[][] heads;
  private final long[][] values;
  private long added;

  RecentSteps(int stages, int ranks) {
    this.ranks = ranks;
    lanes = stages * ranks * StepTrace.FIELDS;
    capacity = Math.clamp(MOST_BYTES / ((FIELDS + lanes) * 8L), LEAST, MOST);
    heads = new long[capacity][FIELDS];
    values = new long[capacity][lanes];
  }

  /** A step ended; its trace is finished. */
  void step(StepTrace trace) {
    synchronized (lock) {
      int place = (int) (added % capacity);
      long[] head = heads[place];
      head[STEP] = trace.step();
      head[SUBMIT] = trace.submitNanos();
      head[START] = trace.startNanos();
      head[END] = trace.endNanos();
      head[TOKENS] = trace.batchTokens();
      head[PROMPT_TOKENS] = trace.promptTokens();
      head[REQUESTS] = trace.batchRequests();
      head[GAP_OFF_CPU] = trace.gapOffCpuNanos();
      System.arraycopy(trace.values(), 0, values[place], 0, lanes);
      added++;
    }
  }

  /** The last of them, in their order; fewer where there are not so many. */
  List<EngineStep> last(int wanted, EpochClock clock) {
    long to = count();
    List<EngineStep> found = new ArrayList<>();
    long[] head = new long[FIELDS];
    long[] lane = new long[lanes];
    for (long at = Math.max(0, to - Math.min(wanted, capacity)); at < to; at++) {
      // One that another step has overwritten meanwhile is left out.
      if (copy(at, head, lane)) {
        found.add(step(head, lane, clock.toEpoch(0)));
      }
    }
    return found;
  }

  private long count() {
    synchronized (lock) {
      return added;
    }
  }

  private boolean copy(long at, long[] head, long[] lane) {
    synchronized (lock) {
      if (added - at > capacity) {
        return false;
      }
      int place = (int) (at % capacity);
      System.arraycopy(heads[place], 0, head, 0, FIELDS);
      System.arraycopy(values[place], 0, lane, 0, lanes);
      return true;
    }
  }

  private EngineStep step(long[] head, long[] lane, long epochOffset) {
    return new EngineStep(
        head[STEP],
        head[SUBMIT] + epochOffset,
        head[START] + epochOffset,
        head[END] + epochOffset,
        (int) head[TOKENS],
        (int) head[PROMPT_TOKENS],
        (int) head[REQUESTS],
        head[GAP_OFF_CPU],
        StepTrace.lanes(lane, ranks, epochOffset));
  }
}

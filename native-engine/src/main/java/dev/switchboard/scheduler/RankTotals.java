package dev.switchboard.scheduler;

import dev.switchboard.scheduler.EngineHealth.RankTimes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Where the ranks' time went since the start, each step counted once, however many requests were in
 * it. The engine's thread adds; any thread reads, and may see a step half added.
 */
final class RankTotals {
  private final int ranks;
  private final AtomicLongArray sums;

  RankTotals(int stages, int ranks) {
    this.ranks = ranks;
    sums = new AtomicLongArray(stages * ranks * StepTrace.FIELDS);
  }

  /** A step ended; its trace is finished. */
  void step(StepTrace trace) {
    long[] values = trace.values();
    for (int base = 0; base < values.length; base += StepTrace.FIELDS) {
      for (int field = StepTrace.COMPUTE; field <= StepTrace.STEPS; field++) {
        if (values[base + field] != 0) {
          sums.setRelease(base + field, sums.getPlain(base + field) + values[base + field]);
        }
      }
    }
  }

  List<RankTimes> report() {
    List<RankTimes> made = new ArrayList<>();
    for (int base = 0; base < sums.length(); base += StepTrace.FIELDS) {
      int lane = base / StepTrace.FIELDS;
      made.add(
          new RankTimes(
              lane / ranks,
              lane % ranks,
              sums.getAcquire(base + StepTrace.STEPS),
              sums.getAcquire(base + StepTrace.COMPUTE),
              sums.getAcquire(base + StepTrace.ALL_REDUCE),
              sums.getAcquire(base + StepTrace.RECEIVE),
              sums.getAcquire(base + StepTrace.SEND),
              sums.getAcquire(base + StepTrace.SAMPLE),
              sums.getAcquire(base + StepTrace.COPY),
              sums.getAcquire(base + StepTrace.OFF_CPU),
              sums.getAcquire(base + StepTrace.BYTES)));
    }
    return made;
  }
}

package dev.switchboard.scheduler;

import dev.switchboard.scheduler.EngineHealth.Spread;
import dev.switchboard.timeline.Collective;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How far apart the ranks of a stage arrived at a collective since the start: of each step and
 * stage the largest spread, counted by its size and by what kind of collective it was. The engine's
 * thread adds; any thread reads, and may see a step half added.
 */
final class CollectiveSpreads {
  private static final int KINDS = Collective.Kind.values().length;

  private final long[] bounds;
  private final int stages;
  private final int ranks;

  /** For each stage and kind a sum in nanoseconds, then the counts. */
  private final AtomicLongArray rows;

  private final int width;

  CollectiveSpreads(int stages, int ranks) {
    this.stages = stages;
    this.ranks = ranks;
    double[] seconds = Collective.spreadBounds();
    bounds = new long[seconds.length];
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = Math.round(seconds[i] * 1e9);
    }
    width = bounds.length + 2;
    rows = new AtomicLongArray(stages * KINDS * width);
  }

  /** A step ended; its trace is finished. */
  void step(StepTrace trace) {
    long[] values = trace.values();
    for (int stage = 0; stage < stages; stage++) {
      int last = stage * ranks * StepTrace.FIELDS;
      for (int rank = 1; rank < ranks; rank++) {
        int base = (stage * ranks + rank) * StepTrace.FIELDS;
        if (values[base + StepTrace.LONGEST_LATE] > values[last + StepTrace.LONGEST_LATE]) {
          last = base;
        }
      }
      if (values[last + StepTrace.LONGEST_LATE] > 0) {
        Collective at = Collective.of((int) values[last + StepTrace.LATE_AT]);
        add(stage * KINDS + at.kind().number(), values[last + StepTrace.LONGEST_LATE]);
      }
    }
  }

  private void add(int row, long nanos) {
    int bucket = 0;
    while (bucket < bounds.length && nanos > bounds[bucket]) {
      bucket++;
    }
    grow(row * width, nanos);
    grow(row * width + 1 + bucket, 1);
  }

  private void grow(int at, long by) {
    rows.setRelease(at, rows.getPlain(at) + by);
  }

  /** Those of which there was any. */
  List<Spread> report() {
    List<Spread> made = new ArrayList<>();
    for (int row = 0; row < stages * KINDS; row++) {
      if (rows.getAcquire(row * width) > 0) {
        List<Long> counts = new ArrayList<>(width - 1);
        for (int i = 1; i < width; i++) {
          counts.add(rows.getAcquire(row * width + i));
        }
        Collective.Kind kind = Collective.Kind.of(row % KINDS);
        made.add(new Spread(row / KINDS, kind, rows.getAcquire(row * width), counts));
      }
    }
    return made;
  }
}

package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.executor.TimelineSink.Kind;
import dev.switchboard.scheduler.EngineHealth.Spread;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline.Lane;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which of a step's arrivals are told, from the records of its lanes. */
class CollectiveSpreadsTest {
  private static final Collective ATTENTION = new Collective(Collective.Kind.ATTENTION, 3);
  private static final Collective FEED_FORWARD = new Collective(Collective.Kind.FEED_FORWARD, 1);
  private static final long MS = 1_000_000;

  private final CollectiveSpreads spreads = new CollectiveSpreads(2, 2);
  private final StepTraces traces = new StepTraces(1, 2, 2);
  private long step = 1;

  @Test
  void ofEachStepAndStageTheLargestSpreadCountsByItsKind() {
    begin();
    late(0, 0, 4 * MS, 3 * MS, ATTENTION);
    late(0, 1, 9 * MS, 2 * MS, FEED_FORWARD);
    late(1, 1, 20_000, 20_000, FEED_FORWARD);
    end();
    begin();
    late(0, 1, MS, MS, ATTENTION);
    end();

    assertEquals(
        List.of(
            new Spread(0, Collective.Kind.ATTENTION, 4 * MS, counts(0.001, 0.005)),
            new Spread(1, Collective.Kind.FEED_FORWARD, 20_000, counts(0.000025))),
        spreads.report());
  }

  @Test
  void aStepInWhichNobodyCameLastCountsNowhere() {
    begin();
    end();

    assertEquals(List.of(), spreads.report());
  }

  /** Nor is it at work while others wait for it. */
  @Test
  void theLaneTellsItsLongestAndWhere() {
    begin();
    late(0, 1, 9 * MS, 2 * MS, FEED_FORWARD);
    StepTrace trace = end();

    List<Lane> lanes = StepTrace.lanes(trace.values(), 2, 0);
    Lane lane = lanes.get(1);
    assertEquals(9 * MS, lane.lateNanos());
    assertEquals(2 * MS, lane.longestLateNanos());
    assertEquals("feed_forward of layer 1", lane.latestAt().toString());
    assertEquals(lanes.get(0).endNanos(), lane.endNanos());
    assertEquals(lanes.get(0).computeNanos(), lane.computeNanos());
  }

  private void begin() {
    traces.begin(step, 1, 1);
    for (int lane = 0; lane < 4; lane++) {
      traces.record(step, lane / 2, lane % 2, Kind.COMPUTE, 0, 1000, 1000, 0, 1, 1000, 0);
    }
  }

  private void late(int stage, int rank, long nanos, long longestNanos, Collective at) {
    traces.record(step, stage, rank, Kind.LATE, 0, nanos, nanos, 0, 1, longestNanos, at.piece());
  }

  private StepTrace end() {
    StepTrace trace = traces.trace(step++);
    trace.finish(0, 0, 100 * MS);
    spreads.step(trace);
    return trace;
  }

  /** One in the bucket of each of these upper bounds. */
  private static List<Long> counts(double... bounds) {
    double[] all = Collective.spreadBounds();
    List<Long> counts = new ArrayList<>(Collections.nCopies(all.length + 1, 0L));
    for (double bound : bounds) {
      for (int i = 0; i < all.length; i++) {
        counts.set(i, counts.get(i) + (all[i] == bound ? 1 : 0));
      }
    }
    return counts;
  }
}

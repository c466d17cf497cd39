package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.executor.TimelineSink.Kind;
import dev.switchboard.scheduler.EngineHealth.RankScore;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a stage's ranks are charged with, over steps that are written by hand. */
class RankSkewTest {
  /** Steps between two reports. */
  private static final int WINDOW = 64;

  private static final int RANKS = 3;
  private static final long STEP_NANOS = 10_000;

  private final RankSkew skew = new RankSkew(2, RANKS);
  private final long[] late = new long[2 * RANKS];
  private long number = 1;

  @Test
  void theLateRankIsChargedAndTheEarlyOnesWaited() {
    for (int i = 0; i < WINDOW; i++) {
      late(2, 500);
      step(new long[] {1000, 1100, 1500}, new long[] {510, 410, 10}, new long[] {0, 0, 0});
    }

    assertEquals(
        List.of(
            new RankScore(0, 0, 1.0, false, 0, WINDOW * 500),
            new RankScore(0, 1, 1.1, false, 0, WINDOW * 400),
            new RankScore(0, 2, 1.5, false, WINDOW * 500, 0)),
        skew.report().subList(0, RANKS));
  }

  /** Ranks that hold up each other by turns wait alike, and yet each cost the others something. */
  @Test
  void eachCollectiveIsChargedToWhoCameLastThere() {
    for (int i = 0; i < WINDOW; i++) {
      late(0, 300);
      late(1, 200);
      step(new long[] {1000, 1000, 1000}, new long[] {200, 300, 500}, new long[] {0, 0, 0});
    }

    assertEquals(
        List.of(WINDOW * 300L, WINDOW * 200L, 0L),
        skew.report().stream().limit(RANKS).map(RankScore::lateNanos).toList());
  }

  @Test
  void theStagesAreChargedApart() {
    for (int i = 0; i < WINDOW; i++) {
      late(RANKS, 293);
      step(new long[] {1000, 1000, 1000}, new long[] {40, 40, 40}, new long[] {7, 300, 200});
    }

    assertEquals(
        List.of(
            new RankScore(0, 0, 1.0, false, 0, 0),
            new RankScore(0, 1, 1.0, false, 0, 0),
            new RankScore(0, 2, 1.0, false, 0, 0),
            new RankScore(1, 0, 1.0, false, WINDOW * 293, 0),
            new RankScore(1, 1, 1.0, false, 0, WINDOW * 293),
            new RankScore(1, 2, 1.0, false, 0, WINDOW * 193)),
        skew.report());
  }

  @Test
  void aScoreIsTheMedianStepOverThatOfTheFastestRank() {
    for (int i = 0; i < WINDOW; i++) {
      // Means of 3 250, 2 000 and 1 500: only the medians are 1 000, 2 000 and 1 500.
      long first = i < 16 ? 10_000 : 1000;
      step(new long[] {first, 2000, 1500}, new long[] {0, 0, 0}, new long[] {0, 0, 0});
    }

    assertEquals(
        List.of(1.0, 2.0, 1.5), skew.report().stream().limit(RANKS).map(RankScore::score).toList());
  }

  /** In the next step, a lane comes last somewhere. */
  private void late(int lane, long nanos) {
    late[lane] = nanos;
  }

  /** The second stage's ranks all compute alike. */
  private void step(long[] compute, long[] waits, long[] secondWaits) {
    StepTrace trace = new StepTrace(2, RANKS);
    long start = number * STEP_NANOS;
    trace.reset(number++, 1, 1);
    for (int rank = 0; rank < RANKS; rank++) {
      record(trace, 0, rank, Kind.COMPUTE, compute[rank]);
      record(trace, 0, rank, Kind.ALL_REDUCE_WAIT, waits[rank]);
      record(trace, 1, rank, Kind.COMPUTE, 1000);
      record(trace, 1, rank, Kind.ALL_REDUCE_WAIT, secondWaits[rank]);
    }
    for (int lane = 0; lane < late.length; lane++) {
      trace.late(lane / RANKS, lane % RANKS, late[lane], late[lane], 0);
    }
    Arrays.fill(late, 0);
    trace.finish(start, start, start + STEP_NANOS);
    skew.step(trace);
  }

  private void record(StepTrace trace, int stage, int rank, Kind kind, long busyNanos) {
    long start = number * STEP_NANOS;
    trace.record(stage, rank, kind, start, start + busyNanos, busyNanos, 0);
  }
}

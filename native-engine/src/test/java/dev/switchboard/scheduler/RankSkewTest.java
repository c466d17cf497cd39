package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.executor.TimelineSink.Kind;
import dev.switchboard.scheduler.EngineHealth.RankScore;
import dev.switchboard.timeline.RequestTimeline;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a stage's ranks are charged with, over steps that are written by hand. */
class RankSkewTest {
  /** Steps between two reports. */
  private static final int WINDOW = 64;

  private static final int RANKS = 3;
  private static final long STEP_NANOS = 10_000_000;

  private final RankSkew skew = new RankSkew(2, RANKS);
  private final long[] late = new long[2 * RANKS];
  private final long[] offCpu = new long[2 * RANKS];
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
            new RankScore(0, 1, 1.1, false, 0, WINDOW * 410),
            new RankScore(0, 2, 1.5, false, WINDOW * 500, 0)),
        report().subList(0, RANKS));
  }

  /** Ranks that hold up each other by turns wait alike, and yet each cost the others something. */
  @Test
  void eachCollectiveIsChargedToWhoCameLastThere() {
    StepTrace last = byTurns();
    for (int i = 1; i < WINDOW; i++) {
      last = byTurns();
    }

    List<RankScore> stage = report().subList(0, RANKS);
    assertEquals(
        List.of(WINDOW * 300L, WINDOW * 200L, 0L),
        stage.stream().map(RankScore::lateNanos).toList());
    // Not the 10 that each needs to wake up.
    assertEquals(
        List.of(WINDOW * 200L, WINDOW * 300L, WINDOW * 500L),
        stage.stream().map(RankScore::waitedNanos).toList());
    assertEquals(List.of(1, 0, 0), stragglers(last));
  }

  private StepTrace byTurns() {
    late(0, 300);
    late(1, 200);
    return step(new long[] {1000, 1000, 1000}, new long[] {210, 310, 510}, new long[] {0, 0, 0});
  }

  /** The one that waits least is who wakes up soonest. */
  @Test
  void nobodyIsTheStragglerOfAStepInWhichAllCostTheOthersAlike() {
    late(0, 200);
    late(1, 200);
    StepTrace even =
        step(new long[] {1000, 1000, 1000}, new long[] {205, 210, 410}, new long[] {0, 0, 0});
    StepTrace together =
        step(new long[] {1000, 1000, 1000}, new long[] {5, 10, 15}, new long[] {0, 0, 0});

    assertEquals(List.of(0, 0, 0), stragglers(even));
    assertEquals(List.of(0, 0, 0), stragglers(together));
  }

  private static List<Integer> stragglers(StepTrace step) {
    return StepTrace.lanes(step.values(), RANKS, 0).stream()
        .limit(RANKS)
        .map(RequestTimeline.Lane::stragglerSteps)
        .toList();
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
            new RankScore(1, 2, 1.0, false, 0, WINDOW * 200)),
        report());
  }

  @Test
  void aScoreIsTheMedianStepOverThatOfTheFastestRank() {
    for (int i = 0; i < WINDOW; i++) {
      // Means of 3 250, 2 000 and 1 500: only the medians are 1 000, 2 000 and 1 500.
      long first = i < 16 ? 10_000 : 1000;
      step(new long[] {first, 2000, 1500}, new long[] {0, 0, 0}, new long[] {0, 0, 0});
    }

    assertEquals(
        List.of(1.0, 2.0, 1.5), report().stream().limit(RANKS).map(RankScore::score).toList());
  }

  @Test
  void aNameExpiresWhenThereIsNothingToDo() {
    slowly(300);
    assertEquals(List.of(false, false, true), names(now()));

    assertEquals(List.of(false, false, false), names(now() + RankSkew.EXPIRY_NANOS + 1));
  }

  /** What was seen before says nothing of now. */
  @Test
  void afterAnIdleTimeARankIsNamedAnewOnlyForWhatItDoesThen() {
    slowly(300);
    number += 2 * RankSkew.EXPIRY_NANOS / STEP_NANOS;

    slowly(1);
    assertEquals(List.of(false, false, false), names(now()));
    slowly(300);
    assertEquals(List.of(false, false, true), names(now()));
  }

  /** A pause between two requests is no time in which a rank was slow. */
  @Test
  void aPauseDoesNotMakeASuspicionOld() {
    slowly(60);
    assertEquals(List.of(false, false, false), names(now()));
    number += RankSkew.EXPIRY_NANOS / STEP_NANOS - 10;

    slowly(1);

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** It comes back to cold caches; that is the machine's doing too. */
  @Test
  void aRankThatHadNoCoreIsNotNamedForBeingSlowerAfterThat() {
    for (int i = 0; i < 300; i++) {
      offCpu[2] = 100;
      step(new long[] {1000, 1000, 1500}, new long[] {600, 600, 0}, new long[] {0, 0, 0});
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  @Test
  void aRankThatIsFarSlowerIsNamedWhereCoresAreShort() {
    for (int i = 0; i < 300; i++) {
      offCpu[i % 2] = 100;
      step(new long[] {1000, 1000, 3000}, new long[] {2000, 2000, 0}, new long[] {0, 0, 0});
    }

    assertEquals(List.of(false, false, true), names(now()));
  }

  private void slowly(int steps) {
    for (int i = 0; i < steps; i++) {
      step(new long[] {1000, 1000, 1200}, new long[] {200, 200, 0}, new long[] {0, 0, 0});
    }
  }

  private List<Boolean> names(long nowNanos) {
    return skew.report(nowNanos).stream().limit(RANKS).map(RankScore::straggler).toList();
  }

  private List<RankScore> report() {
    return skew.report(now());
  }

  /** The last step's end. */
  private long now() {
    return number * STEP_NANOS;
  }

  /** In the next step, a lane comes last somewhere. */
  private void late(int lane, long nanos) {
    late[lane] = nanos;
  }

  /** The second stage's ranks all compute alike. */
  private StepTrace step(long[] compute, long[] waits, long[] secondWaits) {
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
      trace.late(lane / RANKS, lane % RANKS, start, late[lane], late[lane], 0);
    }
    for (int lane = 0; lane < offCpu.length; lane++) {
      trace.record(lane / RANKS, lane % RANKS, Kind.OFF_CPU, start, start, offCpu[lane], 0);
    }
    Arrays.fill(late, 0);
    Arrays.fill(offCpu, 0);
    trace.finish(start, start, start + STEP_NANOS);
    skew.step(trace);
    return trace;
  }

  private void record(StepTrace trace, int stage, int rank, Kind kind, long busyNanos) {
    long start = number * STEP_NANOS;
    trace.record(stage, rank, kind, start, start + busyNanos, busyNanos, 0);
  }
}

package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.TimelineSink.Kind;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What a step waited for: it adds up to the time in which its stages were at work. */
class StepTraceTest {
  private final StepTrace trace = new StepTrace(2, 2);

  @Test
  void ofEachStageItIsTheRankThatWasDoneLast() {
    trace.reset(1, 1, 1);
    record(0, 0, Kind.COMPUTE, 100, 130);
    record(0, 0, Kind.ALL_REDUCE_WAIT, 130, 160);
    record(0, 0, Kind.COMPUTE, 160, 170);
    record(0, 0, Kind.SEND, 170, 180);
    record(0, 1, Kind.COMPUTE, 100, 160);
    record(0, 1, Kind.COMPUTE, 160, 175);
    record(1, 0, Kind.RECEIVE_WAIT, 100, 185);
    record(1, 0, Kind.COMPUTE, 185, 200);
    record(1, 0, Kind.SAMPLE, 200, 204);
    record(1, 1, Kind.RECEIVE_WAIT, 100, 190);
    record(1, 1, Kind.COPY, 190, 195);
    record(1, 1, Kind.COMPUTE, 195, 210);
    trace.finish(90, 100, 210);

    // Rank 1 of stage 1 began when the other one had been at work for 5.
    assertCritical(30 + 10 + 15, 30 + 5, 10 + 5, 0, 0);
  }

  /** Else a hundred of them would hold the numbers of thousands of steps a hundred times. */
  @Test
  void requestsOfAStepShareWhatItTells() {
    trace.reset(1, 2, 2);
    record(0, 0, Kind.COMPUTE, 100, 130);
    trace.finish(90, 100, 130);
    Step one = told();
    Step other = told();
    trace.reset(2, 2, 2);
    record(0, 0, Kind.COMPUTE, 200, 230);
    trace.finish(190, 200, 230);
    Step next = told();

    assertSame(one.lanes(), other.lanes());
    assertSame(one.calls(), other.calls());
    assertEquals(100, one.lanes().getFirst().startNanos());
    assertEquals(200, next.lanes().getFirst().startNanos());
  }

  /** The step as a request tells it that was in it with a token. */
  private Step told() {
    GenerationRequest request =
        new GenerationRequest(
            "r", 0, new int[] {1}, 1, Sampling.GREEDY, Set.of(), -1, false, 0, "", 0, true);
    TimelineBuilder timeline = new TimelineBuilder(request, null, EpochClock.of(() -> 0, 0), 0);
    timeline.scheduled(90, 0);
    timeline.step(trace, 1, 1);
    return timeline.build(300).steps().getFirst();
  }

  @Test
  void fromStepToStepItIsAnotherOne() {
    long[] sums = new long[StepTrace.CRITICAL];
    for (int step = 0; step < 2; step++) {
      trace.reset(step, 1, 1);
      record(0, step, Kind.COMPUTE, 100, 190);
      record(0, 1 - step, Kind.COMPUTE, 100, 110);
      record(0, 1 - step, Kind.ALL_REDUCE_WAIT, 110, 180);
      trace.finish(90, 100, 200);
      trace.addCritical(sums);
    }

    // Either rank alone has 90 + 80 of them.
    assertArrayEquals(new long[] {180, 0, 0, 0, 0}, sums);
  }

  @Test
  void whatARankLostForWantOfACoreIsNoWaitForOtherRanks() {
    trace.reset(1, 1, 1);
    record(0, 0, Kind.COMPUTE, 100, 120);
    record(0, 0, Kind.ALL_REDUCE_WAIT, 120, 170);
    record(0, 0, Kind.COMPUTE, 170, 190);
    record(0, 1, Kind.COMPUTE, 100, 130);
    trace.record(0, 1, Kind.OFF_CPU, 170, 170, 40, 0);
    trace.record(0, 1, Kind.LATE_OFF_CPU, 170, 170, 40, 0);
    trace.finish(90, 100, 190);

    // Rank 0 was done last, and waited 40 of its 50 for a rank that had no core.
    assertCritical(20 + 20, 10, 0, 0, 40);
  }

  @Test
  void theLastRanksOwnLossIsNamedToo() {
    trace.reset(1, 1, 1);
    record(0, 0, Kind.COMPUTE, 100, 160);
    trace.record(0, 0, Kind.OFF_CPU, 190, 190, 30, 0);
    trace.record(0, 0, Kind.LATE_OFF_CPU, 190, 190, 30, 0);
    record(0, 0, Kind.SAMPLE, 190, 195);
    record(0, 1, Kind.COMPUTE, 100, 160);
    trace.finish(90, 100, 195);

    assertCritical(60, 0, 0, 5, 30);
  }

  @Test
  void aRankThatBeganLaterThanWakingUpTakesHadNoCore() {
    trace.reset(1, 1, 1);
    record(0, 0, Kind.COMPUTE, 100, 120);
    record(0, 0, Kind.ALL_REDUCE_WAIT, 120, 500_120);
    record(0, 1, Kind.COMPUTE, 500_100, 500_130);
    trace.finish(90, 100, 500_130);

    assertCritical(30, 0, 0, 0, 500_000);
  }

  /** Rank 0, by which the step begins, handed on the one before late: that is in that one. */
  @Test
  void whatARankDidBeforeTheStepBeganIsNotInIt() {
    trace.reset(1, 1, 1);
    record(0, 0, Kind.COMPUTE, 500_000, 500_020);
    trace.late(0, 0, 110, 499_910, 499_900, 3);
    trace.record(0, 0, Kind.LATE_OFF_CPU, 500_020, 500_020, 499_895, 0);
    trace.record(0, 0, Kind.ALL_REDUCE_WAIT, 500_030, 500_040, 10, 0);
    record(0, 1, Kind.COMPUTE, 100, 110);
    record(0, 1, Kind.ALL_REDUCE_WAIT, 110, 500_020);
    record(0, 1, Kind.COMPUTE, 500_020, 500_050);
    trace.finish(90, 500_000, 500_050);

    Lane first = StepTrace.lanes(trace.values(), 2, 0).getFirst();
    Lane early = StepTrace.lanes(trace.values(), 2, 0).getLast();
    assertEquals(20, first.lateNanos());
    assertEquals(20, first.longestLateNanos());
    assertEquals(500_000, early.startNanos());
    assertEquals(30, early.computeNanos());
    assertEquals(20, early.allReduceWaitNanos());
    assertCritical(30, 15, 0, 0, 5);
  }

  @Test
  void whatARankLostBeforeTheStepBeganIsNotInItEither() {
    trace.reset(1, 1, 1);
    record(0, 0, Kind.COMPUTE, 1000, 1020);
    trace.record(0, 1, Kind.COMPUTE, 100, 1050, 50, 0);
    trace.record(0, 1, Kind.OFF_CPU, 1050, 1050, 860, 0);
    trace.record(0, 1, Kind.ALL_REDUCE_WAIT, 980, 1020, 40, 0);
    trace.finish(90, 1000, 1050);

    Lane early = StepTrace.lanes(trace.values(), 2, 0).getLast();
    assertEquals(20, early.allReduceWaitNanos());
    assertEquals(0, early.offCpuNanos());
    assertEquals(30, early.computeNanos());
  }

  @Test
  void aStepThatIsHandedOnLateHadNoCore() {
    trace.reset(1, 1, 1);
    record(0, 0, Kind.COMPUTE, 100, 120);
    record(0, 1, Kind.COMPUTE, 100, 130);
    record(1, 0, Kind.COMPUTE, 130, 150);
    trace.finish(90, 100, 500_150);

    assertCritical(30 + 20, 0, 0, 0, 500_000);
  }

  @Test
  void aStageWithoutRecordsAddsNothing() {
    trace.reset(1, 1, 1);
    record(1, 0, Kind.COMPUTE, 150, 160);
    trace.finish(90, 100, 200);

    assertCritical(10, 0, 0, 0, 0);
  }

  private void record(int stage, int rank, Kind kind, long start, long end) {
    trace.record(stage, rank, kind, start, end, end - start, 0);
  }

  private void assertCritical(long... expected) {
    long[] sums = new long[StepTrace.CRITICAL];
    trace.addCritical(sums);
    assertArrayEquals(expected, sums);
  }
}

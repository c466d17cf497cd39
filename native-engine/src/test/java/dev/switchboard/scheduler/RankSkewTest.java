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

  /** As many as last five seconds. */
  private static final int LONG = 500;

  private final RankSkew skew = new RankSkew(2, RANKS);
  private final long[] late = new long[2 * RANKS];
  private final long[] offCpu = new long[2 * RANKS];
  private final long[] begun = new long[RANKS];
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
    slowly(LONG);
    assertEquals(List.of(false, false, true), names(now()));

    assertEquals(List.of(false, false, false), names(now() + RankSkew.EXPIRY_NANOS + 1));
  }

  /** What was seen before says nothing of now. */
  @Test
  void afterAnIdleTimeARankIsNamedAnewOnlyForWhatItDoesThen() {
    slowly(LONG);
    number += 2 * RankSkew.EXPIRY_NANOS / STEP_NANOS;

    slowly(1);
    assertEquals(List.of(false, false, false), names(now()));
    slowly(LONG);
    assertEquals(List.of(false, false, true), names(now()));
  }

  /** A pause between two requests is no time in which a rank was slow. */
  @Test
  void pausesDoNotMakeASuspicionOld() {
    for (int request = 0; request < 8; request++) {
      slowly(6);
      number += RankSkew.EXPIRY_NANOS / STEP_NANOS / 2;
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** A neighbour of its core comes and goes. */
  @Test
  void aRankThatIsSlowForTwoSecondsAgainAndAgainIsNotNamed() {
    for (int time = 0; time < 20; time++) {
      slowly(220);
      assertEquals(List.of(false, false, false), names(now()));
      steps(180, 1000, 0);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  @Test
  void aNameGoesWhenTheRankIsAsQuickAsTheOthersAgain() {
    slowly(LONG);

    steps(150, 1000, 0);
    assertEquals(List.of(false, false, true), names(now()));
    steps(150, 1000, 0);

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** It comes back to cold caches; that is the machine's doing too. */
  @Test
  void aRankThatIsFarSlowerWheneverItHasLostItsCoreIsNotNamed() {
    for (int i = 0; i < LONG; i++) {
      boolean lost = i % 3 == 0;
      steps(1, lost ? 3000 : 1000, lost ? 5000 : 0);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** Of a hundred votes in a second, 54 are against one rank, and all that have no excuse. */
  @Test
  void aMajorityThatChanceExplainsNamesNobody() {
    for (int i = 0; i < 10 * LONG; i++) {
      boolean slow = i % 50 < 27;
      steps(1, slow ? 1200 : 1000, slow ? 0 : 9000);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** What it lost is no part of what it took, and caches are soon warm beside such a step. */
  @Test
  void aSlowRankIsNamedWhereAllLoseTheirCoresInEveryLongStep() {
    for (int i = 0; i < LONG; i++) {
      longStep(4 * STEP_NANOS * 12 / 10);
    }

    assertEquals(List.of(false, false, true), names(now()));
  }

  @Test
  void aRankThatLosesItsCoreInEveryLongStepAndIsNotSlowIsNotNamed() {
    for (int i = 0; i < 10 * LONG; i++) {
      // Now and then it takes several times as long, after a long loss.
      longStep(i % 50 == 0 ? 12 * STEP_NANOS : 4 * STEP_NANOS);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** As recorded of steps of 6 ms whose rank loses its caches between any two collectives. */
  @Test
  void aRankWhoseCachesAreColdAtEachPieceOfAStepIsNotNamed() {
    for (int i = 0; i < 10 * LONG; i++) {
      offCpu[2] = 20_000_000;
      step(new long[] {6_000_000, 6_000_000, 6_900_000}, new long[RANKS], new long[RANKS]);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** As recorded of steps of a tenth of a millisecond beside a process of higher priority. */
  @Test
  void aRankWhoseCachesAreColdInNearlyEveryShortStepIsNotNamed() {
    for (int i = 0; i < 10 * LONG; i++) {
      boolean lost = i % 20 != 0;
      steps(1, lost ? 1250 : 1000, lost ? 9000 : 0);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** While it waits for one that has no core, others use its own. */
  @Test
  void aRankThatIsSlowerAfterLongWaitsInShortStepsIsNotNamed() {
    afterWaiting(113_000, 50, 10 * LONG);

    assertEquals(List.of(false, false, false), names(now()));
  }

  @Test
  void aSlowRankIsNamedThoughItWaitsInNearlyEveryShortStep() {
    afterWaiting(126_000, 50, LONG);

    assertEquals(List.of(false, false, true), names(now()));
  }

  /** Waits that are no longer than a spin leave it its core. */
  @Test
  void aRankThatIsAnEighthSlowerIsNamedWhereNothingDisturbsIt() {
    for (int i = 0; i < LONG; i++) {
      step(new long[] {100_000, 100_000, 113_000}, new long[] {0, 0, 15_000}, new long[RANKS]);
    }

    assertEquals(List.of(false, false, true), names(now()));
  }

  /** Whatever it costs: as recorded beside neighbours that use all of the caches. */
  @Test
  void aRankThatIsAsQuickAsTheOthersWhereNothingDisturbsItIsNotNamed() {
    afterWaiting(145_000, 20, 10 * LONG);

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** The last rank waits and then computes for so long, but in one of so many steps. */
  private void afterWaiting(long compute, int every, int count) {
    for (int i = 0; i < count; i++) {
      boolean waited = i % every != 0;
      long[] each = {100_000, 100_000, waited ? compute : 100_000};
      step(each, new long[] {0, 0, waited ? 400_000 : 0}, new long[RANKS]);
    }
  }

  /** What was excused before does not excuse it now. */
  @Test
  void aRankThatBecomesSlowAfterMinutesOfColdCachesIsNamed() {
    afterWaiting(113_000, 50, 30 * LONG);

    afterWaiting(126_000, 50, LONG);

    assertEquals(List.of(false, false, true), names(now()));
  }

  @Test
  void aNameGoesWhenOnlyColdCachesAreLeftOfTheSlowness() {
    afterWaiting(126_000, 50, LONG);
    assertEquals(List.of(false, false, true), names(now()));

    afterWaiting(113_000, 50, LONG);

    assertEquals(List.of(false, false, false), names(now()));
  }

  @Test
  void aSlowRankIsNamedThoughItsCachesAreColdInHalfOfItsShortSteps() {
    for (int i = 0; i < LONG; i++) {
      steps(1, i % 2 == 0 ? 1500 : 1200, i % 2 == 0 ? 9000 : 0);
    }

    assertEquals(List.of(false, false, true), names(now()));
  }

  /**
   * As recorded beside compilers: the rank that does not sample parks between steps, and comes back
   * to caches that they have used.
   */
  @Test
  void aRankThatIsSlowerWhereItHadToBeWokenForAShortStepIsNotNamed() {
    for (int i = 0; i < 10 * LONG; i++) {
      boolean lost = i % 3 == 0;
      offCpu[2] = lost ? 3_000_000 : 0;
      begun[2] = 8_000;
      step(new long[] {100_000, 100_000, 114_000}, new long[] {15_000, 15_000, 0}, new long[RANKS]);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** Where others take the cores, waits cost the caches as well: as recorded beside compilers. */
  @Test
  void aRankThatIsFarSlowerForEightSecondsWhereOthersTakeTheCoresIsNotNamed() {
    for (int time = 0; time < 10; time++) {
      amongOthers(145_000, 800);
      assertEquals(List.of(false, false, false), names(now()));
      amongOthers(100_000, 200);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  @Test
  void aSlowRankIsNamedInTheEndWhereOthersTakeTheCores() {
    amongOthers(120_000, 3 * LONG);

    assertEquals(List.of(false, false, true), names(now()));
  }

  /** It waits in each step, and in some it loses its core. */
  private void amongOthers(long compute, int count) {
    for (int i = 0; i < count; i++) {
      offCpu[2] = i % 3 == 0 ? 3_000_000 : 0;
      step(new long[] {100_000, 100_000, compute}, new long[] {0, 0, 400_000}, new long[RANKS]);
    }
  }

  @Test
  void aSlowRankThatParksBetweenStepsIsNamedWhereNobodyTakesItsCore() {
    for (int i = 0; i < LONG; i++) {
      begun[2] = 8_000;
      step(new long[] {100_000, 100_000, 120_000}, new long[] {15_000, 15_000, 0}, new long[RANKS]);
    }

    assertEquals(List.of(false, false, true), names(now()));
  }

  /** What it computed before the step began, by the first rank's clock, it computed as well. */
  @Test
  void aRankIsNotNamedForBeginningAfterTheOthers() {
    for (int i = 0; i < 10 * LONG; i++) {
      Arrays.fill(begun, 0, 2, -15_000);
      step(new long[] {100_000, 100_000, 100_000}, new long[RANKS], new long[RANKS]);
    }

    assertEquals(List.of(false, false, false), names(now()));
  }

  /** As recorded beside a loop that keeps the second core busy: the first rank shares its own. */
  @Test
  void aRankThatIsSlowerInMostStepsButNotInItsQuickestIsNotNamed() {
    oneInSixAsQuick(10 * LONG);

    assertEquals(List.of(false, false, false), names(now()));
  }

  @Test
  void aNameGoesWhenTheQuickestStepsAreAsQuickAsTheOthers() {
    slowly(LONG);
    assertEquals(List.of(false, false, true), names(now()));

    oneInSixAsQuick(LONG);

    assertEquals(List.of(false, false, false), names(now()));
  }

  private void oneInSixAsQuick(int count) {
    for (int i = 0; i < count; i++) {
      steps(1, i % 6 == 0 ? 1000 : 1200, 0);
    }
  }

  /** All lose their cores, for several times as long as the others compute. */
  private void longStep(long compute) {
    long usual = 4 * STEP_NANOS;
    Arrays.fill(offCpu, 0, RANKS, 10 * STEP_NANOS);
    step(new long[] {usual, usual, compute}, new long[RANKS], new long[RANKS]);
  }

  private void slowly(int count) {
    steps(count, 1200, 0);
  }

  /** In which the last rank takes so long and loses its core for so long. */
  private void steps(int count, long compute, long lost) {
    for (int i = 0; i < count; i++) {
      offCpu[2] = lost;
      long wait = Math.max(0, compute + lost - 1000);
      step(new long[] {1000, 1000, compute}, new long[] {wait, wait, 0}, new long[] {0, 0, 0});
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
    Arrays.fill(begun, 0);
    trace.finish(start, start, start + STEP_NANOS);
    skew.step(trace);
    return trace;
  }

  private void record(StepTrace trace, int stage, int rank, Kind kind, long busyNanos) {
    long start = (number - 1) * STEP_NANOS + (stage == 0 ? begun[rank] : 0);
    trace.record(stage, rank, kind, start, start + busyNanos, busyNanos, 0);
  }
}

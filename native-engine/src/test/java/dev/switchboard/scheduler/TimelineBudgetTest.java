package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.scheduler.Simulation.Recorder;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A request's phases are work and waits and little else, in virtual time in which planning and
 * handing over take longer than a small model's step.
 */
class TimelineBudgetTest {
  private static final long STEP_NANOS = 1000;
  private static final long HAND_OVER_NANOS = 1700;
  private static final double UNEXPLAINED_SHARE = 0.02;

  private final SimulatedTime time = SimulatedTime.virtual();
  private final List<Recorder> recorders = new ArrayList<>();
  private long order;
  private boolean listing;

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 64",
    "1, 1, 12, 64",
    "2, 1, 1, 64",
    "2, 2, 12, 64",
    "3, 2, 5, 64",
    "1, 1, 12, 20"
  })
  void workAndWaitsExplainEveryRequest(int stages, int ranks, int requests, int blocks) {
    EngineCore core = core(stages, ranks, blocks);
    for (int i = 0; i < requests; i++) {
      add(core, 50 + i, 40);
    }

    drive(core);

    for (Recorder recorder : recorders) {
      RequestTimeline timeline = timeline(recorder);
      long first = timeline.firstTokenNanos();
      assertExplained(timeline.prefill(), first - timeline.scheduledNanos());
      assertExplained(timeline.decode(), timeline.finishedNanos() - first);
    }
  }

  @Test
  void aLoneRequestWaitsOnlyForTheHandOver() {
    EngineCore core = core(1, 1, 64);
    add(core, 10, 41);

    drive(core);

    Phase decode = timeline(recorders.getFirst()).decode();
    assertNotNull(decode);
    assertEquals(40, decode.steps());
    assertTrue(decode.waitNanos() > 30 * (HAND_OVER_NANOS - STEP_NANOS), decode::toString);
    assertTrue(decode.waitNanos() < 50 * (HAND_OVER_NANOS - STEP_NANOS), decode::toString);
  }

  @Test
  void aPreemptedRequestWaitsWhileOthersRun() {
    EngineCore core = core(1, 1, 12);
    add(core, 60, 80);
    add(core, 60, 80);

    drive(core);

    RequestTimeline preempted = timeline(recorders.getLast());
    assertTrue(preempted.preemptions() > 0);
    Phase decode = preempted.decode();
    assertNotNull(decode);
    assertTrue(decode.waitNanos() > 10 * STEP_NANOS, decode::toString);
    assertExplained(decode, preempted.finishedNanos() - preempted.firstTokenNanos());
  }

  @Test
  void whatIsComputedASecondTimeIsNotCountedAsGenerated() {
    EngineCore core = core(1, 1, 12);
    add(core, 60, 80);
    add(core, 60, 80);

    drive(core);

    int again = 0;
    for (Recorder recorder : recorders) {
      RequestTimeline told = timeline(recorder);
      Phase prefill = told.prefill();
      Phase decode = told.decode();
      assertNotNull(prefill);
      assertNotNull(decode);
      assertEquals(60, prefill.tokens() + prefill.cachedTokens());
      // The first one came with the prompt's last step.
      assertEquals(80 - 1, decode.tokens());
      assertEquals(told.preemptions() > 0, decode.recomputedTokens() > 0, decode::toString);
      again += decode.recomputedTokens();
    }
    assertTrue(again > 0);
  }

  @Test
  void whatPassesInAStepThatNeverReportsIsNoWait() {
    EngineCore core = core(1, 1, 64);
    Sequence sequence = add(core, 10, 40);
    step(core);
    core.fill();
    long before = time.nanos();
    time.waitUntil(before + 1_000_000);

    sequence.requestCancel();
    core.scheduler().cancel(sequence, time.nanos());

    Phase prefill = timeline(recorders.getFirst()).prefill();
    assertNotNull(prefill);
    assertTrue(prefill.waitNanos() <= 2 * HAND_OVER_NANOS, prefill::toString);
    assertEquals(null, timeline(recorders.getFirst()).decode());
  }

  /** Eight long answers at once, of which three may list all of their steps. */
  @Test
  void listsOfStepsTakeNoMoreThanTheirPartOfTheHeap() {
    long bytes = 3 * 200 * StepRoom.bytes(1, 0, 8);
    listing = true;
    EngineCore core = core(1, 1, 256, bytes);
    for (int i = 0; i < 8; i++) {
      add(core, 10, 200);
    }

    drive(core);

    int listed = 0;
    for (Recorder recorder : recorders) {
      RequestTimeline told = timeline(recorder);
      int steps = told.steps().size();
      long first = told.steps().getFirst().step();
      assertTrue(steps >= TimelineBuilder.LEAST_STEPS, steps + " are listed");
      assertEquals(first + steps - 1, told.steps().getLast().step());
      Phase decode = told.decode();
      assertNotNull(decode);
      assertEquals(200 - 1, decode.tokens());
      assertEquals(200 - 1, decode.steps());
      listed += steps;
    }
    assertTrue(listed <= 3 * 200 + 8, listed + " are listed");
    assertTrue(listed > 2 * 200, listed + " are listed");
  }

  @Test
  void whatEndedTakesNoRoomFromWhatRuns() {
    listing = true;
    EngineCore core = core(1, 1, 256, 250 * StepRoom.bytes(1, 0, 1));
    for (int i = 0; i < 3; i++) {
      add(core, 10, 200);
      drive(core);
    }

    for (Recorder recorder : recorders) {
      assertEquals(200, timeline(recorder).steps().size());
    }
  }

  // ---- machinery -----------------------------------------------------------------------------

  private EngineCore core(int stages, int ranks, int blocks) {
    return core(stages, ranks, blocks, Long.MAX_VALUE);
  }

  private EngineCore core(int stages, int ranks, int blocks, long stepListBytes) {
    ExecutorConfig layout =
        ExecutorConfig.defaults()
            .withLayout(stages, ranks, 1)
            .withKv(ExecutorConfig.KvType.F16, 16, blocks)
            .withSteps(16, 64, 16);
    SimulatedExecutor executor =
        new SimulatedExecutor(layout, 512, 211, new LatencyModel(STEP_NANOS, 10, 0), time);
    EngineConfig config =
        EngineConfig.of(executor.info()).withChunkTokens(16).withStepListBytes(stepListBytes);
    return new EngineCore(executor, config, EpochClock.of(time::nanos, 0), new PrefixKey(1, 2));
  }

  private Sequence add(EngineCore core, int promptTokens, int maxTokens) {
    int[] prompt = new int[promptTokens];
    Arrays.setAll(prompt, i -> (i * 7 + (int) order) % 211);
    Recorder recorder = new Recorder(time);
    recorders.add(recorder);
    Sequence sequence =
        new Sequence(
            new GenerationRequest(
                "r", 0, prompt, maxTokens, Sampling.GREEDY, Set.of(), -1, false, 0, "", 0, listing),
            recorder,
            order++,
            EpochClock.of(time::nanos, 0),
            time.nanos());
    core.scheduler().add(sequence, time.nanos());
    return sequence;
  }

  private void drive(EngineCore core) {
    for (int turns = 0; !core.scheduler().isIdle(); turns++) {
      assertTrue(turns < 10_000, "it does not end");
      step(core);
    }
    core.checkIdle();
  }

  private void step(EngineCore core) {
    time.waitUntil(time.nanos() + HAND_OVER_NANOS);
    core.fill();
    core.await(1_000_000_000);
  }

  private static RequestTimeline timeline(Recorder recorder) {
    RequestTimeline timeline = recorder.timeline;
    assertNotNull(timeline);
    return timeline;
  }

  /** As a reader does: work first, then waits as far as they fit; the rest is unexplained. */
  private static void assertExplained(@Nullable Phase phase, long span) {
    assertNotNull(phase);
    long rest = span - work(phase.lanes()) - phase.waitNanos();
    assertTrue(rest <= UNEXPLAINED_SHARE * span, rest + " of " + span + " ns in " + phase);
  }

  /** What the busiest rank of each stage did. */
  private static long work(List<Lane> lanes) {
    return lanes.stream()
        .mapToInt(Lane::stage)
        .distinct()
        .mapToLong(
            stage ->
                lanes.stream()
                    .filter(lane -> lane.stage() == stage)
                    .mapToLong(
                        lane ->
                            lane.computeNanos()
                                + lane.allReduceWaitNanos()
                                + lane.sendNanos()
                                + lane.copyNanos()
                                + lane.sampleNanos())
                    .max()
                    .orElse(0))
        .sum();
  }
}

package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.Fault;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.GenerationListener.FinishReason;
import dev.switchboard.scheduler.Simulation.Recorder;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Each rule of the scheduler by itself, on a simulated engine of which every plan is kept. */
class SchedulerTest {
  private static final long LONG_TIME = 1_000_000_000_000L;

  private final SimulatedTime time = SimulatedTime.virtual();
  private final EpochClock clock = EpochClock.of(time::nanos, 0);
  private long order;

  // ---- budget and chunks ---------------------------------------------------------------------

  @Test
  void promptsAreComputedInChunksUnderTheCapAndTheBudget() {
    Bench bench = bench(layout(8, 40), 16);
    bench.add(prompt(50), 1);
    bench.add(prompt(50), 1);

    bench.core.fill();

    assertEquals(List.of(16, 16), bench.tokensPerEntry(1));
    bench.finish();
    assertEquals(100, bench.executor.entries.stream().mapToInt(e -> e.tokens()).sum());
  }

  @Test
  void theBudgetIsFilledAcrossRequests() {
    Bench bench = bench(layout(8, 40), 32);
    bench.add(prompt(30), 1);
    bench.add(prompt(30), 1);

    bench.core.fill();

    assertEquals(List.of(30, 10), bench.tokensPerEntry(1));
  }

  @Test
  void decodingComesBeforePrompts() {
    Bench bench = bench(layout(8, 16), 16);
    bench.add(prompt(4), 30);
    bench.step();
    bench.add(prompt(100), 1);
    bench.step();
    bench.step();
    long last = bench.lastStep();

    assertEquals(List.of(1, 15), bench.tokensPerEntry(last));
  }

  @Test
  void moreDecodingRowsThanBudgetTakeTurns() {
    Bench bench = bench(layout(8, 4), 4);
    List<Recorder> recorders =
        IntStream.range(0, 8).mapToObj(i -> bench.add(prompt(1), 20)).toList();

    bench.finish();

    assertTrue(recorders.stream().allMatch(r -> r.tokens.size() == 20));
    for (long step = 20; step < 30; step++) {
      Set<Integer> twoSteps =
          Set.copyOf(
              IntStream.rangeClosed((int) step, (int) step + 1)
                  .boxed()
                  .flatMap(s -> bench.executor.step(s).stream())
                  .map(RecordingExecutor.Entry::row)
                  .toList());
      assertEquals(8, twoSteps.size(), "two steps of four serve all eight rows");
    }
  }

  // ---- planning ahead ------------------------------------------------------------------------

  @Test
  void theNextStepIsPlannedWhileOneRuns() {
    Bench bench = bench(layout(8, 64), 64);
    bench.add(prompt(10), 5);

    bench.core.fill();

    assertEquals(List.of(10), bench.tokensPerEntry(1));
    assertEquals(List.of(1), bench.tokensPerEntry(2));
  }

  @Test
  void noStepIsPlannedBeyondTheLastToken() {
    Bench bench = bench(layout(8, 64), 64);
    bench.add(prompt(10), 5);
    bench.finish();

    assertEquals(5, bench.lastStep());
  }

  @Test
  void aStepPlannedAfterAStopTokenIsIgnored() {
    Recorder free = new Recorder(time);
    Bench first = bench(layout(8, 64), 64);
    first.add(request(prompt(10), 20, Set.of(), 0), free);
    first.finish();
    int stop = free.tokens.get(3);
    int stopAt = free.tokens.indexOf(stop);

    Recorder stopped = new Recorder(time);
    Bench second = bench(layout(8, 64), 64);
    second.add(request(prompt(10), 20, Set.of(stop), 0), stopped);
    second.finish();

    assertEquals(free.tokens.subList(0, stopAt), stopped.tokens);
    assertEquals(FinishReason.STOP, stopped.reason);
    assertEquals(stopAt + 2, second.lastStep(), "one step was planned ahead");
    assertEquals(0, second.core.pool().used());
  }

  @Test
  void stagesWorkOnDifferentRowsAtOnce() {
    Bench bench = bench(layout(8, 64).withLayout(2, 1, 1), 64);
    IntStream.range(0, 4).forEach(i -> bench.add(prompt(1), 30));
    IntStream.range(0, 10).forEach(i -> bench.step());
    long last = bench.lastStep();

    Set<Integer> one =
        Set.copyOf(bench.executor.step(last - 1).stream().map(e -> e.row()).toList());
    Set<Integer> other = Set.copyOf(bench.executor.step(last).stream().map(e -> e.row()).toList());
    assertEquals(2, one.size());
    assertEquals(2, other.size());
    assertTrue(one.stream().noneMatch(other::contains), one + " and " + other);
  }

  // ---- order and memory ----------------------------------------------------------------------

  @Test
  void higherPriorityNumbersStartFirstAndEqualOnesByArrival() {
    Bench bench = bench(layout(1, 64), 64);
    Recorder second = bench.add(prompt(3), 2);
    Recorder third = bench.add(prompt(3), 2);
    Recorder first = new Recorder(time);
    bench.add(request(prompt(3), 2, Set.of(), 1), first);
    bench.finish();

    assertTrue(scheduled(first) < scheduled(second));
    assertTrue(scheduled(second) < scheduled(third));
  }

  @Test
  void oneThatGoesOnWithAnAnswerStartsBeforeEqualOnesThatBegin() {
    Bench bench = bench(layout(1, 64), 64);
    bench.add(prompt(3), 30);
    bench.step();
    Recorder begins = bench.add(prompt(3), 2);
    Recorder important = bench.add(prompt(3), 2, 1);
    Recorder goesOn = new Recorder(time);
    bench.add(request(prompt(3), 4, Set.of(), 0).after(new int[] {5, 6}), goesOn);
    bench.finish();

    assertTrue(scheduled(important) < scheduled(goesOn));
    assertTrue(scheduled(goesOn) < scheduled(begins));
  }

  @Test
  void oneThatCameFromElsewhereTakesNothingFromEqualOnesThatRun() {
    Bench bench = bench(layout(8, 64).withKv(ExecutorConfig.KvType.F16, 16, 8), 64);
    Recorder early = bench.add(prompt(40), 60);
    Recorder moved = new Recorder(time);
    bench.add(request(prompt(40), 62, Set.of(), 0).after(new int[] {5, 6}), moved);
    bench.finish();

    assertEquals(0, preemptions(early));
    assertTrue(preemptions(moved) > 0);
  }

  @Test
  void theLatestIsPreemptedWhenBlocksRunOutAndStillFinishes() {
    Bench bench = bench(layout(8, 64).withKv(ExecutorConfig.KvType.F16, 16, 8), 64);
    Recorder early = bench.add(prompt(40), 60);
    Recorder late = bench.add(prompt(40), 60);
    bench.finish();

    assertEquals(0, preemptions(early));
    assertTrue(preemptions(late) > 0);
    assertEquals(60, early.tokens.size());
    assertEquals(60, late.tokens.size());
  }

  @Test
  void aMoreImportantRequestTakesTheRowOfALessImportantOne() {
    Bench bench = bench(layout(1, 64), 64);
    Recorder background = new Recorder(time);
    bench.add(request(prompt(3), 60, Set.of(), -5), background);
    bench.step();
    Recorder urgent = bench.add(prompt(3), 2);
    bench.finish();

    assertTrue(finished(urgent) < finished(background));
    assertEquals(1, preemptions(background));
    assertEquals(60, background.tokens.size());
  }

  @Test
  void equalPriorityWaitsForItsTurn() {
    Bench bench = bench(layout(1, 64), 64);
    Recorder first = bench.add(prompt(3), 30);
    bench.step();
    Recorder second = bench.add(prompt(3), 2);
    bench.finish();

    assertEquals(0, preemptions(first));
    assertTrue(finished(first) <= scheduled(second));
  }

  @Test
  void aPreemptionThatCannotMakeEnoughRoomPreemptsNobody() {
    Bench bench = bench(eightBlocks(8), 64);
    Recorder senior = bench.add(prompt(50, 1), 14, 0);
    Recorder background = bench.add(prompt(20, 2), 12, -5);
    bench.step();
    Recorder urgent = bench.add(prompt(70, 3), 2, 0);
    bench.finish();

    assertEquals(0, preemptions(senior));
    assertEquals(0, preemptions(background));
    assertEquals(2, urgent.tokens.size());
  }

  @Test
  void aRowIsNoRoomWhereBlocksAreMissing() {
    Bench bench = bench(eightBlocks(2), 64);
    bench.add(prompt(50, 1), 14, 0);
    Recorder background = bench.add(prompt(20, 2), 12, -5);
    bench.step();
    Recorder urgent = bench.add(prompt(70, 3), 2, 0);
    bench.finish();

    assertEquals(0, preemptions(background));
    assertEquals(2, urgent.tokens.size());
  }

  @Test
  void blocksThatOthersUseTooAreNoRoom() {
    Bench bench = bench(eightBlocks(8), 64);
    bench.add(prompt(50, 1), 14, 0);
    bench.step();
    Recorder background = bench.add(prompt(60, 1), 4, -5);
    bench.step();
    Recorder urgent = bench.add(prompt(70, 3), 2, 0);
    bench.finish();

    assertEquals(48, cachedTokens(background));
    assertEquals(0, preemptions(background));
    assertEquals(2, urgent.tokens.size());
  }

  @Test
  void asManyAsMakeTheRoomArePreemptedAtOnceAndNoMore() {
    Bench bench = bench(eightBlocks(8), 64);
    Recorder first = bench.add(prompt(20, 1), 12, -5);
    Recorder second = bench.add(prompt(20, 2), 12, -5);
    Recorder third = bench.add(prompt(20, 3), 12, -5);
    bench.step();
    Recorder urgent = bench.add(prompt(70, 4), 2, 0);
    bench.finish();

    assertEquals(0, preemptions(first));
    assertEquals(1, preemptions(second));
    assertEquals(1, preemptions(third));
    assertTrue(finished(urgent) < finished(second));
  }

  // ---- prefixes ------------------------------------------------------------------------------

  @Test
  void aSecondRequestReusesThePrefixUpToTheLastFullBlock() {
    Bench bench = bench(layout(8, 64), 64);
    Recorder first = bench.add(prompt(50), 4);
    bench.finish();
    Recorder second = bench.add(prompt(50), 4);
    bench.finish();

    assertEquals(first.tokens, second.tokens);
    assertEquals(48, bench.core.scheduler().load(0).prefixHitTokens());
  }

  @Test
  void otherSaltsNeverShare() {
    Bench bench = bench(layout(8, 64), 64);
    bench.add(prompt(50), 4);
    bench.finish();
    bench.add(new Recorder(time), prompt(50), "other tenant");
    bench.finish();

    assertEquals(0, bench.core.scheduler().load(0).prefixHitTokens());
  }

  @Test
  void cachedTokensAreThoseOfTheFirstAdmissionWhateverFollows() {
    Bench bench = bench(layout(8, 64).withKv(ExecutorConfig.KvType.F16, 16, 8), 16);
    bench.add(prompt(40), 2);
    bench.finish();
    Recorder early = bench.add(prompt(40), 60);
    Recorder late = bench.add(prompt(40), 60);
    bench.finish();

    assertTrue(preemptions(late) > 0);
    assertEquals(32, cachedTokens(early));
    assertEquals(32, cachedTokens(late));
    EngineLoad load = bench.core.scheduler().load(0);
    assertEquals(120, load.promptTokens());
    assertEquals(120, load.prefixLookupTokens());
    assertEquals(64, load.prefixHitTokens());
    assertEquals(8, load.kvBlocks());
  }

  @Test
  void prefixesThatGiveWayAreCounted() {
    Bench bench = bench(layout(8, 64).withKv(ExecutorConfig.KvType.F16, 16, 8), 64);
    bench.add(prompt(100), 2);
    bench.finish();
    bench.add(new Recorder(time), prompt(100), "other tenant");
    bench.finish();

    EngineLoad load = bench.core.scheduler().load(0);
    assertEquals(0, load.prefixHitTokens());
    assertEquals(5, load.kvEvictions());
  }

  @Test
  void aScoredPromptIsNotLookedUp() {
    Bench bench = bench(layout(8, 64), 64);
    bench.add(
        new GenerationRequest(
            "r", 0, prompt(40), 4, Sampling.GREEDY, Set.of(), 0, true, 0, "", 0, false),
        new Recorder(time));
    bench.finish();

    EngineLoad load = bench.core.scheduler().load(0);
    assertEquals(40, load.promptTokens());
    assertEquals(0, load.prefixLookupTokens());
  }

  @Test
  void aFailedStepPublishesNothing() {
    Bench bench = bench(layout(8, 64), 64);
    bench.executor.inject(new Fault(Fault.Kind.FAIL, 0, 0, 0, 1, 0));
    Recorder failing = bench.add(prompt(50), 4);
    bench.finish();
    Recorder next = bench.add(prompt(50), 4);
    bench.finish();

    EngineFailure failure = failing.failure;
    assertNotNull(failure);
    assertEquals("step_failed", failure.kind());
    assertEquals(4, next.tokens.size());
    assertEquals(0, bench.core.scheduler().load(0).prefixHitTokens());
  }

  @Test
  void whoseOutputIsNotFiniteEndsWithAnErrorAndOthersGoOn() {
    Bench bench = bench(layout(8, 64), 64);
    bench.executor.notFiniteStep = 3;
    Recorder broken = bench.add(prompt(10), 20);
    Recorder other = bench.add(prompt(12), 20);
    bench.finish();

    EngineFailure failure = broken.failure;
    assertNotNull(failure);
    assertEquals("step_failed", failure.kind());
    assertEquals("the model's output is not finite", failure.message());
    assertTrue(broken.tokens.stream().allMatch(token -> token >= 0), () -> "" + broken.tokens);
    assertEquals(20, other.tokens.size());
  }

  // ---- endings -------------------------------------------------------------------------------

  @Test
  void cancellingKeepsBlocksUntilTheStepsInFlightReturn() {
    Bench bench = bench(layout(8, 64), 64);
    Recorder recorder = new Recorder(time);
    Sequence sequence = bench.add(request(prompt(10), 50, Set.of(), 0), recorder);
    bench.core.fill();

    sequence.requestCancel();
    bench.core.scheduler().cancel(sequence, time.nanos());

    assertEquals(FinishReason.CANCELLED, recorder.reason);
    assertTrue(bench.core.pool().used() > 0);
    bench.finish();
    assertEquals(0, bench.core.pool().used());
    assertEquals(2, bench.lastStep());
  }

  @Test
  void whatRunsPastItsDeadlineIsInNoFurtherStep() {
    Bench bench = bench(layout(8, 64), 64);
    Recorder recorder = new Recorder(time);
    bench.add(request(prompt(10), 200, Set.of(), 0).withDeadline(time.nanos() + 5500), recorder);
    Recorder other = bench.add(prompt(10), 20);

    while (time.nanos() < 5500) {
      bench.step();
    }
    long planned = bench.lastStep();
    bench.finish();

    assertEquals(EngineFailure.DEADLINE, recorder.failure);
    assertTrue(
        bench.executor.entries.stream()
            .noneMatch(entry -> entry.row() == 0 && entry.step() > planned));
    assertTrue(recorder.tokens.size() >= 3, () -> recorder.tokens.size() + " tokens");
    assertEquals(20, other.tokens.size());
  }

  @Test
  void whatWaitsPastItsDeadlineIsInNoStepAtAll() {
    Bench bench = bench(layout(1, 64), 64);
    bench.add(prompt(10), 50);
    Recorder late = new Recorder(time);
    bench.add(request(prompt(10), 5, Set.of(), 0).withDeadline(time.nanos() + 3000), late);
    Recorder patient = bench.add(prompt(12), 5);

    for (int i = 0; i < 6; i++) {
      bench.step();
    }

    assertEquals(EngineFailure.DEADLINE, late.failure);
    assertEquals(1, bench.core.scheduler().waiting());
    bench.finish();
    assertEquals(5, patient.tokens.size());
    assertEquals(0, timeline(late).scheduledNanos());
  }

  @Test
  void scoringOnlyAPromptGeneratesNothing() {
    Bench bench = bench(layout(8, 64), 16);
    Recorder recorder = new Recorder(time);
    bench.add(
        new GenerationRequest(
            "r", 0, prompt(40), 0, Sampling.GREEDY, Set.of(), 1, true, 0, "", 0, false),
        recorder);
    bench.finish();

    assertNotNull(recorder.scores);
    assertEquals(39, recorder.scores.length);
    assertEquals(prompt(40)[39], recorder.scores[38].token());
    assertEquals(1, recorder.scores[38].topTokens().length);
    assertTrue(recorder.tokens.isEmpty());
    assertEquals(FinishReason.LENGTH, recorder.reason);
  }

  @Test
  void aPromptOfOneTokenReportsThatNothingIsScored() {
    for (int maxTokens : new int[] {0, 1, 5}) {
      Bench bench = bench(layout(8, 64), 16);
      Recorder recorder = new Recorder(time);
      bench.add(
          new GenerationRequest(
              "r", 0, prompt(1), maxTokens, Sampling.GREEDY, Set.of(), 1, true, 0, "", 0, false),
          recorder);
      bench.finish();

      assertNotNull(recorder.scores);
      assertEquals(0, recorder.scores.length);
      assertEquals(maxTokens, recorder.tokens.size());
      assertEquals(1, recorder.ends);
    }
  }

  @Test
  void aStepListIsKeptOnDemandAndBounded() {
    SimulatedExecutor simulated =
        new SimulatedExecutor(
            ExecutorConfig.defaults().withKv(ExecutorConfig.KvType.F16, 64, 200),
            10_000,
            211,
            new LatencyModel(10, 1, 0),
            time);
    Bench bench = new Bench(new RecordingExecutor(simulated), 64);
    Recorder recorder = new Recorder(time);
    bench.add(
        new GenerationRequest(
            "r", 0, prompt(4), 6000, Sampling.GREEDY, Set.of(), -1, false, 0, "", 0, true),
        recorder);
    bench.finish();

    assertEquals(TimelineBuilder.MAX_STEPS, timeline(recorder).steps().size());
    assertFalse(timeline(recorder).steps().getFirst().lanes().isEmpty());
  }

  @Test
  void aStepNamesTheAttemptsOfTheSameGatewayThatWereInIt() {
    Bench bench = bench(layout(8, 64), 64);
    Recorder early = bench.add(new AttemptId(1, 11), 4);
    Recorder late = bench.add(new AttemptId(1, 12), 8);
    Recorder choice = bench.add(new AttemptId(1, 12), 8);
    Recorder foreign = bench.add(new AttemptId(2, 11), 8);

    bench.finish();

    assertEquals(List.of(11L, 12L), timeline(early).steps().getFirst().members());
    assertEquals(List.of(11L, 12L), timeline(choice).steps().getFirst().members());
    assertEquals(List.of(12L), timeline(late).steps().getLast().members());
    assertEquals(List.of(11L), timeline(foreign).steps().getFirst().members());
    assertEquals(4, timeline(foreign).steps().getFirst().batchRequests());
  }

  // ---- machinery -----------------------------------------------------------------------------

  private static ExecutorConfig layout(int rows, int stepTokens) {
    return ExecutorConfig.defaults()
        .withKv(ExecutorConfig.KvType.F16, 16, 64)
        .withSteps(rows, stepTokens, Math.max(rows, 16))
        .withFaults(true, 0);
  }

  private Bench bench(ExecutorConfig layout, int chunkTokens) {
    SimulatedExecutor simulated =
        new SimulatedExecutor(layout, 512, 211, new LatencyModel(1000, 10, 0), time);
    return new Bench(new RecordingExecutor(simulated), chunkTokens);
  }

  private static ExecutorConfig eightBlocks(int rows) {
    return layout(rows, 64).withKv(ExecutorConfig.KvType.F16, 16, 8);
  }

  /** One that begins like no other. */
  private static int[] prompt(int length, int first) {
    int[] prompt = prompt(length);
    prompt[0] = first;
    return prompt;
  }

  private static int[] prompt(int length) {
    return IntStream.range(0, length).map(i -> (i * 7 + 1) % 211).toArray();
  }

  private static GenerationRequest request(
      int[] prompt, int maxTokens, Set<Integer> stops, int priority) {
    return new GenerationRequest(
        "r", 0, prompt, maxTokens, Sampling.GREEDY, stops, -1, false, priority, "", 0, false);
  }

  private static RequestTimeline timeline(Recorder recorder) {
    RequestTimeline timeline = recorder.timeline;
    assertNotNull(timeline);
    return timeline;
  }

  private static long scheduled(Recorder recorder) {
    return timeline(recorder).scheduledNanos();
  }

  private static long finished(Recorder recorder) {
    return timeline(recorder).finishedNanos();
  }

  private static int preemptions(Recorder recorder) {
    return timeline(recorder).preemptions();
  }

  private static int cachedTokens(Recorder recorder) {
    return Objects.requireNonNull(timeline(recorder).prefill()).cachedTokens();
  }

  private final class Bench {
    private final RecordingExecutor executor;
    private final EngineCore core;

    Bench(RecordingExecutor executor, int chunkTokens) {
      this.executor = executor;
      EngineConfig config = EngineConfig.of(executor.info()).withChunkTokens(chunkTokens);
      core = new EngineCore(executor, config, clock, new PrefixKey(1, 2));
    }

    Recorder add(int[] prompt, int maxTokens) {
      Recorder recorder = new Recorder(time);
      add(request(prompt, maxTokens, Set.of(), 0), recorder);
      return recorder;
    }

    Recorder add(int[] prompt, int maxTokens, int priority) {
      Recorder recorder = new Recorder(time);
      add(request(prompt, maxTokens, Set.of(), priority), recorder);
      return recorder;
    }

    Recorder add(AttemptId attempt, int maxTokens) {
      Recorder recorder = new Recorder(time);
      recorder.attempt = attempt;
      add(
          new GenerationRequest(
              "r", 0, prompt(4), maxTokens, Sampling.GREEDY, Set.of(), -1, false, 0, "", 0, true),
          recorder);
      return recorder;
    }

    void add(Recorder recorder, int[] prompt, String salt) {
      add(
          new GenerationRequest(
              "r", 0, prompt, 4, Sampling.GREEDY, Set.of(), -1, false, 0, salt, 0, false),
          recorder);
    }

    Sequence add(GenerationRequest request, Recorder recorder) {
      Sequence sequence = new Sequence(request, recorder, order++, clock, time.nanos());
      core.scheduler().add(sequence, time.nanos());
      return sequence;
    }

    void step() {
      core.fill();
      core.await(LONG_TIME);
    }

    void finish() {
      for (int turns = 0; !core.scheduler().isIdle(); turns++) {
        assertTrue(turns < 100_000, "it does not end");
        step();
      }
      core.checkIdle();
    }

    long lastStep() {
      return executor.entries.getLast().step();
    }

    List<Integer> tokensPerEntry(long step) {
      return executor.step(step).stream().map(RecordingExecutor.Entry::tokens).toList();
    }
  }
}

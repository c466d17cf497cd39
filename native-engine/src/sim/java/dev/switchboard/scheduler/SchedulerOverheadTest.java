package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.executor.StepPlan;
import dev.switchboard.executor.StepResult;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.kv.BlockPool;
import dev.switchboard.kv.PrefixHash;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a decision costs: the time in plan and apply alone, the executor left out. */
@Timeout(60)
class SchedulerOverheadTest {
  private static final int RUNNING = 64;
  private static final int WARM_UP_STEPS = 3000;
  private static final int MEASURED_STEPS = 1000;
  private static final int ROUNDS = 2;
  private static final int CONTEXT = 256;
  private static final Path MODEL =
      Path.of("src/test/resources/golden/models/tiny-llama-Q8_0.gguf");

  /** A tenth of the shortest step of a small model; far above what it takes. */
  private static final long BOUND_NANOS = 1_000_000;

  @Test
  void aStepOf64RowsIsPlannedAndAppliedInMicroseconds() {
    SimulatedTime time = SimulatedTime.virtual();
    EpochClock clock = EpochClock.of(time::nanos, 0);
    ExecutorConfig layout = ExecutorConfig.defaults().withKv(KvType.F16, 32, 64 * 140);
    SimulatedExecutor executor =
        new SimulatedExecutor(layout, 8192, 1000, new LatencyModel(1000, 1, 0), time);
    BlockPool pool = new BlockPool(layout.kvBlocks(), layout.kvBlockTokens());
    Scheduler scheduler =
        new Scheduler(
            executor.info(),
            EngineConfig.of(executor.info()),
            pool,
            new PrefixHash(new PrefixKey(1, 2)));
    for (int i = 0; i < RUNNING; i++) {
      scheduler.add(new Sequence(request(i), new Silent(i), i, clock, 0), 0);
    }

    long[] nanos = run(scheduler, executor);

    Arrays.sort(nanos);
    long median = nanos[nanos.length / 2];
    System.out.printf(
        "scheduler, %d running: %.1f us per step at the median, %.1f us at the 99th percentile%n",
        RUNNING, median / 1e3, nanos[nanos.length * 99 / 100] / 1e3);
    assertTrue(median < BOUND_NANOS, median + " ns per step");
  }

  private static long[] run(Scheduler scheduler, SimulatedExecutor executor) {
    StepPlan plan = new StepPlan(RUNNING, 512, 512);
    StepTrace trace = new StepTrace(1, 1);
    long[] nanos = new long[MEASURED_STEPS];
    for (int i = 0; i < WARM_UP_STEPS + MEASURED_STEPS; i++) {
      long before = System.nanoTime();
      assertTrue(scheduler.plan(i, plan));
      long planned = System.nanoTime();
      for (Sequence sequence : scheduler.begun()) {
        executor.begin(
            sequence.row, Sampling.GREEDY, sequence.tokens, sequence.known, sequence.promptLength);
      }
      trace.reset(plan.step(), plan.tokenTotal(), plan.entries());
      executor.submit(plan);
      StepResult result = executor.await(Long.MAX_VALUE / 2);
      assertNotNull(result);
      long returned = System.nanoTime();
      scheduler.apply(result, trace, i);
      if (i >= WARM_UP_STEPS) {
        nanos[i - WARM_UP_STEPS] = planned - before + System.nanoTime() - returned;
      }
    }
    return nanos;
  }

  /** The same with the library in place of the simulation: what crosses into it and back, too. */
  @Test
  void aStepOf64RowsCrossesIntoTheLibraryInMicroseconds() {
    ExecutorConfig layout =
        ExecutorConfig.defaults().withKv(KvType.F16, 16, RUNNING * 32).withSteps(RUNNING, 512, 512);
    try (GgufFile file = GgufFile.open(MODEL);
        NativeExecutor executor =
            NativeExecutor.open(
                ModelDescription.of(file).withContext(CONTEXT), layout, (done, total) -> {})) {
      EpochClock clock = EpochClock.system();
      BlockPool pool = new BlockPool(layout.kvBlocks(), layout.kvBlockTokens());
      Scheduler scheduler =
          new Scheduler(
              executor.info(),
              EngineConfig.of(executor.info()),
              pool,
              new PrefixHash(new PrefixKey(1, 2)));
      int context = executor.info().context();
      long[] nanos = new long[0];
      for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < RUNNING; i++) {
          GenerationRequest request = request(i, 20, context - 20);
          scheduler.add(new Sequence(request, new Silent(i), i, clock, 0), 0);
        }
        nanos = crossings(scheduler, executor, context - 60);
        while (!scheduler.isIdle()) {
          crossings(scheduler, executor, 1);
        }
      }

      Arrays.sort(nanos);
      long median = nanos[nanos.length / 2];
      System.out.printf(
          "scheduler and library, %d running: %.1f us per step at the median%n",
          RUNNING, median / 1e3);
      assertTrue(median < BOUND_NANOS, median + " ns per step");
    }
  }

  /** The time of each step but for its computing: of the waiting only the call that ends it. */
  private static long[] crossings(Scheduler scheduler, NativeExecutor executor, int steps) {
    StepPlan plan = new StepPlan(RUNNING, 512, 512);
    StepTraces traces = new StepTraces(2, 1, 1);
    long[] nanos = new long[steps];
    for (int i = 0; i < steps && !scheduler.isIdle(); i++) {
      long before = System.nanoTime();
      assertTrue(scheduler.plan(before, plan));
      for (Sequence sequence : scheduler.begun()) {
        executor.begin(
            sequence.row, Sampling.GREEDY, sequence.tokens, sequence.known, sequence.promptLength);
      }
      traces.begin(plan.step(), plan.tokenTotal(), plan.entries());
      executor.submit(plan);
      long submitted = System.nanoTime();
      long computed;
      StepResult result;
      do {
        computed = System.nanoTime();
        result = executor.await(0);
      } while (result == null);
      executor.drainTimeline(traces);
      StepTrace trace = traces.trace(result.step());
      trace.finish(result);
      scheduler.apply(result, trace, computed);
      nanos[i] = submitted - before + System.nanoTime() - computed;
    }
    return nanos;
  }

  private static GenerationRequest request(int id, int promptTokens, int maxTokens) {
    int[] prompt = IntStream.range(0, promptTokens).map(i -> (i * 31 + id) % 100).toArray();
    return new GenerationRequest(
        "r" + id, 0, prompt, maxTokens, Sampling.GREEDY, Set.of(), -1, false, 0, "", 0, false);
  }

  private static GenerationRequest request(int id) {
    int[] prompt = IntStream.range(0, 100 + id).map(i -> (i * 31 + id) % 1000).toArray();
    return new GenerationRequest(
        "r" + id, 0, prompt, 4200, Sampling.GREEDY, Set.of(), -1, false, 0, "", 0, false);
  }

  /** Takes everything and keeps nothing, so that only the engine's own work is measured. */
  private static final class Silent implements GenerationListener {
    private final AttemptId attempt;

    /** As a request of a gateway, of which the worker says who shared its steps. */
    Silent(int number) {
      attempt = new AttemptId(1, number);
    }

    @Override
    public AttemptId attempt() {
      return attempt;
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {}

    @Override
    public void token(TokenEvent token) {}

    @Override
    public void finished(FinishReason reason, RequestTimeline timeline) {}

    @Override
    public void failed(EngineFailure failure, RequestTimeline timeline) {}
  }
}

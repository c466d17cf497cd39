package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.executor.StepPlan;
import dev.switchboard.executor.StepResult;
import dev.switchboard.kv.BlockPool;
import dev.switchboard.kv.PrefixHash;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.timeline.EpochClock;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What a decision costs: the time in plan and apply alone, the executor left out. */
class SchedulerOverheadTest {
  private static final int RUNNING = 64;
  private static final int WARM_UP_STEPS = 3000;
  private static final int MEASURED_STEPS = 1000;

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
      scheduler.add(new Sequence(request(i), new Simulation.Recorder(time), i, clock, 0), 0);
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

  private static GenerationRequest request(int id) {
    int[] prompt = IntStream.range(0, 100 + id).map(i -> (i * 31 + id) % 1000).toArray();
    return new GenerationRequest(
        "r" + id, 0, prompt, 4200, Sampling.GREEDY, Set.of(), -1, false, 0, "", 0, false);
  }
}

package dev.switchboard.scheduler;

import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.StepPlan;
import dev.switchboard.executor.StepResult;
import dev.switchboard.kv.BlockPool;
import dev.switchboard.kv.PrefixHash;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.timeline.EpochClock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Scheduler and executor joined, without a thread: whoever calls {@link #fill} and {@link #await}
 * in turns drives the engine. {@code EngineLoop} does on its thread, simulations do in virtual
 * time.
 */
final class EngineCore {
  /** Between two looks for a mask. */
  private static final long MASK_TURN_NANOS = 100_000;

  private final Executor executor;
  private final EngineConfig config;
  private final EpochClock clock;
  private final BlockPool pool;
  private final Scheduler scheduler;
  private final StepTraces traces;
  private final RankSkew skew;
  private final RankTotals totals;
  private final CollectiveSpreads spreads;
  private final RecentSteps recent;
  private final StepCosts costs;
  private final StepPlan plan;
  private final Scheduler.MaskSink masks;
  private boolean checkedIdle = true;

  EngineCore(Executor executor, EngineConfig config, EpochClock clock, PrefixKey key) {
    this(executor, config, clock, key, () -> 0);
  }

  /**
   * @param processorNanos processor time of the thread that this is used on
   */
  EngineCore(
      Executor executor,
      EngineConfig config,
      EpochClock clock,
      PrefixKey key,
      LongSupplier processorNanos) {
    ExecutorInfo info = executor.info();
    this.executor = executor;
    this.config = config;
    this.clock = clock;
    masks = executor::mask;
    pool = new BlockPool(info.kvBlocks(), info.kvBlockTokens());
    scheduler = new Scheduler(info, config, pool, new PrefixHash(key));
    StepRoom room = new StepRoom(config.stepListBytes());
    traces = new StepTraces(maxInFlight(), info.stages(), info.ranks(), room);
    skew = new RankSkew(info.stages(), info.ranks());
    totals = new RankTotals(info.stages(), info.ranks());
    spreads = new CollectiveSpreads(info.stages(), info.ranks());
    recent = new RecentSteps(info.stages(), info.ranks());
    costs = new StepCosts(processorNanos);
    plan = new StepPlan(info.rows(), info.maxStepTokens(), info.maxStepOutputs());
  }

  private int maxInFlight() {
    return Math.min(config.maxInFlight(), executor.info().maxInFlight());
  }

  Scheduler scheduler() {
    return scheduler;
  }

  BlockPool pool() {
    return pool;
  }

  StepTraces traces() {
    return traces;
  }

  RankSkew skew() {
    return skew;
  }

  RankTotals totals() {
    return totals;
  }

  CollectiveSpreads spreads() {
    return spreads;
  }

  RecentSteps recent() {
    return recent;
  }

  /** Drops what is past its deadline, then plans and submits as many steps as may be in flight. */
  void fill() {
    scheduler.expire(clock.nanos());
    while (scheduler.inFlight() < maxInFlight() && scheduler.plan(clock.nanos(), plan)) {
      checkedIdle = false;
      for (Sequence sequence : scheduler.begun()) {
        executor.begin(
            sequence.row,
            sequence.request.sampling(),
            sequence.tokens,
            sequence.known,
            sequence.promptLength);
      }
      traces.begin(plan.step(), plan.tokenTotal(), plan.entries());
      traces.trace(plan.step()).promptTokens(promptTokens());
      long called = clock.nanos();
      executor.submit(plan);
      traces.trace(plan.step()).submitted(called, clock.nanos());
      costs.submitted();
      supplyMasks();
    }
  }

  /** Of rows that compute more than their next token. */
  private int promptTokens() {
    int tokens = 0;
    for (int entry = 0; entry < plan.entries(); entry++) {
      int count = plan.tokenCount(entry);
      tokens += count > 1 ? count : 0;
    }
    return tokens;
  }

  /**
   * Waits for the oldest step and applies it.
   *
   * @return false when none is in flight or it still runs after the timeout
   */
  boolean await(long timeoutNanos) {
    if (scheduler.inFlight() == 0) {
      costs.waits();
      return false;
    }
    supplyMasks();
    StepResult result = awaitSupplying(timeoutNanos);
    if (result == null) {
      return false;
    }
    long awaited = clock.nanos();
    executor.drainTimeline(traces);
    StepTrace trace = traces.trace(result.step());
    trace.awaited(awaited);
    trace.finish(result);
    costs.step(trace);
    skew.step(trace);
    totals.step(trace);
    spreads.step(trace);
    recent.step(trace);
    scheduler.apply(result, trace, clock.nanos());
    supplyMasks();
    return true;
  }

  /**
   * Waits in short turns while a mask is being found: the step may wait for it. Once it is there
   * more may be planned, so the waiting ends then.
   */
  private @Nullable StepResult awaitSupplying(long timeoutNanos) {
    if (!scheduler.isFindingMasks()) {
      return executor.await(timeoutNanos);
    }
    costs.waits();
    StepResult result = null;
    for (long left = timeoutNanos; result == null && left > 0; left -= MASK_TURN_NANOS) {
      result = executor.await(Math.min(left, MASK_TURN_NANOS));
      if (result == null) {
        supplyMasks();
        left = scheduler.isFindingMasks() ? left : 0;
      }
    }
    return result;
  }

  private void supplyMasks() {
    scheduler.supplyMasks(masks, clock.nanos());
  }

  /** With nothing left to do: proves once per idle phase that no block leaked. */
  void checkIdle() {
    if (checkedIdle) {
      return;
    }
    checkedIdle = true;
    pool.check();
    if (pool.used() != 0) {
      throw new IllegalStateException(pool.used() + " KV blocks are used by nobody");
    }
  }
}

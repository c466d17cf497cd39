package dev.switchboard.scheduler;

import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.Fault;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.StepPlan;
import dev.switchboard.executor.StepResult;
import dev.switchboard.executor.TimelineSink;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Hands everything on and remembers what each step was planned to compute. */
public final class RecordingExecutor implements Executor {
  /** One entry of a step. */
  public record Entry(long step, int row, int position, int tokens, int outputs) {}

  public final List<Entry> entries = new ArrayList<>();
  public final List<Integer> begun = new ArrayList<>();
  private final Executor executor;

  /** The step whose first output is no token. */
  long notFiniteStep = -1;

  public RecordingExecutor(Executor executor) {
    this.executor = executor;
  }

  List<Entry> step(long step) {
    return entries.stream().filter(e -> e.step == step).toList();
  }

  int tokensOf(long step) {
    return step(step).stream().mapToInt(Entry::tokens).sum();
  }

  @Override
  public ExecutorInfo info() {
    return executor.info();
  }

  @Override
  public void begin(
      int row, Sampling sampling, int[] history, int historyTokens, int promptTokens) {
    begun.add(row);
    executor.begin(row, sampling, history, historyTokens, promptTokens);
  }

  @Override
  public void submit(StepPlan plan) {
    for (int i = 0; i < plan.entries(); i++) {
      entries.add(
          new Entry(
              plan.step(), plan.row(i), plan.position(i), plan.tokenCount(i), plan.outputCount(i)));
    }
    executor.submit(plan);
  }

  @Override
  public void mask(int slot, long step, long[] allowed) {
    executor.mask(slot, step, allowed);
  }

  @Override
  public @Nullable StepResult await(long timeoutNanos) {
    StepResult result = executor.await(timeoutNanos);
    if (result != null && result.step() == notFiniteStep) {
      result.notFinite(0);
    }
    return result;
  }

  @Override
  public void drainTimeline(TimelineSink sink) {
    executor.drainTimeline(sink);
  }

  @Override
  public List<LaneHeartbeat> heartbeats() {
    return executor.heartbeats();
  }

  @Override
  public void inject(Fault fault) {
    executor.inject(fault);
  }

  @Override
  public void close() {
    executor.close();
  }
}

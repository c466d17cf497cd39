package dev.switchboard.bench;

import dev.switchboard.executor.Executor;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.StepPlan;
import dev.switchboard.executor.StepResult;
import dev.switchboard.executor.TimelineSink;
import java.time.Duration;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Drives an executor as the engine loop does, a step ahead, without scheduling: what is measured is
 * the engine. With several stages the sequences are split over as many microbatches, which are in
 * flight together.
 */
final class EngineRun {
  private static final long PATIENCE_NANOS = Duration.ofMinutes(10).toNanos();

  private final Executor executor;
  private final StepPlan plan;
  private final int blocksPerRow;
  private @Nullable TimelineSink sink;
  private long step;
  private int inFlight;

  /** For sequences of at most positions tokens. */
  EngineRun(Executor executor, int rows, int positions) {
    this.executor = executor;
    var info = executor.info();
    blocksPerRow = blocks(positions, info.kvBlockTokens());
    if (blocksPerRow * rows > info.kvBlocks() || rows > info.rows()) {
      throw new IllegalArgumentException("the KV pool is too small for this measurement");
    }
    plan = new StepPlan(rows, info.maxStepTokens(), Math.max(rows, info.maxStepOutputs()));
  }

  /** After each step the timeline is read into this. */
  void reads(TimelineSink timeline) {
    sink = timeline;
  }

  /** KV blocks that a sequence of some tokens takes. */
  static int blocks(int tokens, int blockTokens) {
    return (tokens + blockTokens - 1) / blockTokens;
  }

  /** Tokens per second of one prompt, the first generated token included. */
  double prefill(int tokens) {
    long begun = System.nanoTime();
    fill(0, tokens);
    finish();
    return tokens * 1e9 / (System.nanoTime() - begun);
  }

  /** Tokens per second of all rows together, each generating steps tokens after a prompt. */
  double decode(int batch, int prompt, int steps) {
    for (int row = 0; row < batch; row++) {
      fill(row, prompt);
    }
    finish();
    int groups = Math.min(batch, executor.info().stages());
    long begun = System.nanoTime();
    for (int i = 0; i < steps; i++) {
      for (int group = 0; group < groups; group++) {
        decodeStep(group * batch / groups, (group + 1) * batch / groups, prompt + i);
      }
    }
    finish();
    return (double) batch * steps * 1e9 / (System.nanoTime() - begun);
  }

  private void decodeStep(int firstRow, int endRow, int position) {
    plan.reset(++step);
    for (int row = firstRow; row < endRow; row++) {
      entry(row, position, 1);
      plan.token(Executor.LAST_SAMPLED);
      plan.output(Executor.SAMPLE);
    }
    submit();
  }

  private void fill(int row, int tokens) {
    int[] prompt = new int[tokens];
    int vocabulary = Math.min(executor.info().vocab(), 256);
    Arrays.setAll(prompt, i -> (i * 7 + row) % vocabulary);
    finish();
    executor.begin(row, Sampling.GREEDY, prompt, tokens, tokens);
    int chunk = executor.info().maxStepTokens();
    for (int from = 0; from < tokens; from += chunk) {
      int count = Math.min(chunk, tokens - from);
      plan.reset(++step);
      entry(row, from, count);
      for (int i = 0; i < count; i++) {
        plan.token(prompt[from + i]);
      }
      if (from + count == tokens) {
        plan.output(Executor.SAMPLE);
      }
      submit();
    }
  }

  private void entry(int row, int position, int tokens) {
    plan.entry(row, position, 0, false);
    int blocks = blocks(position + tokens, executor.info().kvBlockTokens());
    for (int i = 0; i < blocks; i++) {
      plan.block(row * blocksPerRow + i);
    }
  }

  private void submit() {
    if (inFlight == executor.info().maxInFlight()) {
      await();
    }
    executor.submit(plan);
    inFlight++;
  }

  private void finish() {
    while (inFlight > 0) {
      await();
    }
  }

  private void await() {
    StepResult result = executor.await(PATIENCE_NANOS);
    if (result == null || !result.ok()) {
      throw new IllegalStateException("a step did not finish");
    }
    inFlight--;
    if (sink != null) {
      executor.drainTimeline(sink);
    }
  }
}

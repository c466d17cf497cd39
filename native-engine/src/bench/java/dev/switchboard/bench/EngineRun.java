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
  /** What rows go on with: the same however often they do. */
  private static final int FIRST_TOKEN = 1;

  private static final long PATIENCE_NANOS = Duration.ofMinutes(10).toNanos();

  private final Executor executor;
  private final StepPlan plan;
  private final int blocksPerRow;
  private @Nullable TimelineSink sink;
  private boolean recorded = true;
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

  /** Whether the timeline tells of the next steps, and is read after them. */
  void recorded(boolean next) {
    recorded = next;
  }

  /** KV blocks that a sequence of some tokens takes. */
  static int blocks(int tokens, int blockTokens) {
    return (tokens + blockTokens - 1) / blockTokens;
  }

  /** Tokens per second of one prompt, the first generated token included. */
  double prefill(int tokens) {
    long begun = System.nanoTime();
    prompt(0, tokens);
    finish();
    return tokens * 1e9 / (System.nanoTime() - begun);
  }

  /** Tokens per second of all rows together, each generating steps tokens after a prompt. */
  double decode(int batch, int prompt, int steps) {
    fill(batch, prompt);
    return steps(batch, prompt, steps);
  }

  /** Computes the prompts of some rows. */
  void fill(int batch, int prompt) {
    for (int row = 0; row < batch; row++) {
      prompt(row, prompt);
    }
    finish();
  }

  /**
   * Tokens per second of all rows together, each generating steps tokens after a prompt that is
   * there. They may be generated again, and are the same then.
   */
  double steps(int batch, int prompt, int steps) {
    int groups = Math.min(batch, executor.info().stages());
    long begun = System.nanoTime();
    for (int i = 0; i < steps; i++) {
      for (int group = 0; group < groups; group++) {
        int token = i == 0 ? FIRST_TOKEN : Executor.LAST_SAMPLED;
        decodeStep(group * batch / groups, (group + 1) * batch / groups, prompt + i, token);
      }
    }
    finish();
    return (double) batch * steps * 1e9 / (System.nanoTime() - begun);
  }

  private void decodeStep(int firstRow, int endRow, int position, int token) {
    begin();
    for (int row = firstRow; row < endRow; row++) {
      entry(row, position, 1);
      plan.token(token);
      plan.output(Executor.SAMPLE);
    }
    submit();
  }

  private void prompt(int row, int tokens) {
    int[] prompt = new int[tokens];
    int vocabulary = Math.min(executor.info().vocab(), 256);
    Arrays.setAll(prompt, i -> (i * 7 + row) % vocabulary);
    finish();
    executor.begin(row, Sampling.GREEDY, prompt, tokens, tokens);
    int chunk = executor.info().maxStepTokens();
    for (int from = 0; from < tokens; from += chunk) {
      int count = Math.min(chunk, tokens - from);
      begin();
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

  private void begin() {
    plan.reset(++step);
    if (!recorded) {
      plan.unrecorded();
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
    if (sink != null && recorded) {
      executor.drainTimeline(sink);
    }
  }
}

package dev.switchboard.bench;

import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.DoubleSupplier;

/**
 * What it costs that ranks tell where their time went. One engine does the same work again and
 * again, of which the timeline is told or is not: two engines would also differ by where their
 * weights happen to lie in memory. Each piece of work with the timeline has one without it right
 * before or after it, as a coin decides. Nothing is in flight between two pieces, so that reading a
 * piece's records is charged to that piece. They are read after each step, as the engine loop does.
 */
public final class RingBench implements AutoCloseable {
  private static final int KV_BLOCK_TOKENS = 32;
  private static final int BATCH = 4;
  private static final int DEPTH = 32;

  /** Decoded in one piece: enough that a step is always ahead, few so that pairs are close. */
  private static final int STEPS = 8;

  /**
   * Hardly more than the shortest step: what is recorded is the largest part of it then, there are
   * tens of thousands to tell a percentile of, and the fewer of them meet a pause of the machine,
   * which would else be what the percentile is.
   */
  private static final int PROMPT = 4;

  /** Disturbances of a machine are mostly shorter, so rounds say each their own. */
  private static final double ROUND_SECONDS = 1;

  private final Executor executor;
  private final EngineRun run;
  private final Random coin = new Random(1);
  private long records;

  private RingBench(Executor executor) {
    this.executor = executor;
    this.run = new EngineRun(executor, BATCH, DEPTH + STEPS + 1);
    run.reads(
        (step, stage, rank, kind, start, end, busy, bytes, tokens, longest, piece) -> records++);
  }

  /**
   * Loads the model.
   *
   * @param models where its file is, or is written once
   */
  public static RingBench open(Path models) throws IOException {
    Path file =
        SyntheticModel.at(models, ModelShape.of("smollm2-135m"), SyntheticModel.Format.Q8_0);
    int blocks = BATCH * EngineRun.blocks(DEPTH + STEPS + 1, KV_BLOCK_TOKENS);
    ExecutorConfig config =
        ExecutorConfig.defaults()
            .withLayout(1, 1, Runtime.getRuntime().availableProcessors())
            .withKv(ExecutorConfig.KvType.F16, KV_BLOCK_TOKENS, blocks);
    try (GgufFile gguf = GgufFile.open(file)) {
      return new RingBench(
          NativeExecutor.open(ModelDescription.of(gguf), config, (done, total) -> {}));
    }
  }

  /** Tokens a second of sequences decoded together, always the same few steps of them. */
  public Comparison decode(double seconds) {
    run.fill(BATCH, DEPTH);
    return compare(seconds, () -> run.steps(BATCH, DEPTH, STEPS));
  }

  /** Microseconds from a prompt to its first token. */
  public Comparison firstTokens(double seconds) {
    return compare(seconds, () -> PROMPT * 1e6 / run.prefill(PROMPT));
  }

  private Comparison compare(double seconds, DoubleSupplier work) {
    // What the first pieces find cold, and code that is not compiled yet.
    long warm = System.nanoTime() + (long) (seconds / 10 * 1e9);
    while (System.nanoTime() < warm) {
      round(new Comparison(), work);
    }
    Comparison comparison = new Comparison();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    while (System.nanoTime() < end) {
      round(comparison, work);
    }
    return comparison;
  }

  private void round(Comparison comparison, DoubleSupplier work) {
    Samples without = new Samples();
    Samples with = new Samples();
    long end = System.nanoTime() + (long) (ROUND_SECONDS * 1e9);
    while (System.nanoTime() < end) {
      boolean recordedFirst = coin.nextBoolean();
      for (boolean recorded : new boolean[] {recordedFirst, !recordedFirst}) {
        run.recorded(recorded);
        (recorded ? with : without).add(work.getAsDouble());
      }
    }
    comparison.add(without.values(), with.values());
  }

  /** Records that were written and read so far. */
  public long records() {
    return records;
  }

  @Override
  public void close() {
    executor.close();
  }
}

package dev.switchboard.bench;

import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import java.io.IOException;
import java.nio.file.Path;

/**
 * What it costs that ranks tell where their time went: two engines of one model, with the
 * timeline's ring and without, take turns, so that what the machine does meanwhile falls on both
 * alike. What is recorded is also read, step by step, as the engine loop does.
 */
public final class RingBench implements AutoCloseable {
  private static final int KV_BLOCK_TOKENS = 32;
  private static final int BATCH = 4;
  private static final int DEPTH = 32;
  private static final int STEPS = 16;
  private static final int PROMPT = 64;

  /**
   * What one engine gave.
   *
   * @param tokensPerSecond of sequences decoded together
   * @param ttftMs from a prompt to its first token
   */
  public record Speed(double tokensPerSecond, double ttftMs) {}

  /** Both engines, one right after the other. */
  public record Pair(Speed without, Speed with) {}

  private final Executor without;
  private final Executor with;
  private final EngineRun bare;
  private final EngineRun recording;
  private long records;
  private boolean recordingFirst;

  private RingBench(Executor without, Executor with) {
    int positions = Math.max(PROMPT, DEPTH + STEPS) + 1;
    this.without = without;
    this.with = with;
    this.bare = new EngineRun(without, BATCH, positions);
    this.recording = new EngineRun(with, BATCH, positions);
    recording.reads(
        (step, stage, rank, kind, start, end, busy, bytes, tokens, longest, piece) -> records++);
  }

  /**
   * Loads the model twice.
   *
   * @param models where its file is, or is written once
   */
  public static RingBench open(Path models) throws IOException {
    Path file =
        SyntheticModel.at(models, ModelShape.of("smollm2-135m"), SyntheticModel.Format.Q8_0);
    int blocks = BATCH * EngineRun.blocks(PROMPT + DEPTH + STEPS + 1, KV_BLOCK_TOKENS);
    ExecutorConfig config =
        ExecutorConfig.defaults()
            .withLayout(1, 1, Runtime.getRuntime().availableProcessors())
            .withKv(ExecutorConfig.KvType.F16, KV_BLOCK_TOKENS, blocks);
    Executor bare = load(file, config.withTimeline(0));
    try {
      return new RingBench(bare, load(file, config));
    } catch (RuntimeException | IOException e) {
      bare.close();
      throw e;
    }
  }

  private static Executor load(Path file, ExecutorConfig config) throws IOException {
    try (GgufFile gguf = GgufFile.open(file)) {
      return NativeExecutor.open(ModelDescription.of(gguf), config, (done, total) -> {});
    }
  }

  /** Measures both, and the next time in the other order. */
  public Pair pair() {
    recordingFirst = !recordingFirst;
    if (recordingFirst) {
      Speed first = speed(recording);
      return new Pair(speed(bare), first);
    }
    Speed first = speed(bare);
    return new Pair(first, speed(recording));
  }

  private static Speed speed(EngineRun run) {
    double ttftMs = PROMPT * 1e3 / run.prefill(PROMPT);
    return new Speed(run.decode(BATCH, DEPTH, STEPS), ttftMs);
  }

  /** Records that were written and read so far. */
  public long records() {
    return records;
  }

  @Override
  public void close() {
    without.close();
    with.close();
  }
}

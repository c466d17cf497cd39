package dev.switchboard.scheduler;

import dev.switchboard.executor.Executor.LaneHeartbeat;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.executor.Sampling;
import dev.switchboard.gguf.GgufBuilder;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What the engine's thread does for a step of 64 live requests, crossing into the library and back
 * included and computing left out: take the step that has ended, apply it, plan the next one and
 * submit it, as {@link EngineCore} does for a worker.
 *
 * <p>The library computes a model of one layer and 32 columns. Before each measured call the oldest
 * step in flight has ended, so nothing is waited for. Requests end at different times and others
 * take their places, so a step in ten admits one, prompt and prefix look-up and all.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(3)
public class StepBenchmark {
  private static final int LIVE = 64;
  private static final int CONTEXT = 1024;
  private static final int PROMPT = 100;

  /** Between a rank's heartbeat and its step's result. */
  private static final long RESULT_NANOS = 20_000;

  private final EpochClock clock = EpochClock.system();
  private final Replaced listener = new Replaced();
  private final NativeExecutor executor;
  private final EngineCore core;
  private long requests;
  private long awaited = 1;

  /** Starts the engine with its requests. */
  public StepBenchmark() {
    executor = open();
    core = new EngineCore(executor, EngineConfig.of(executor.info()), clock, PrefixKey.random());
    for (int i = 0; i < LIVE; i++) {
      add();
    }
    core.fill();
  }

  private static NativeExecutor open() {
    ExecutorConfig layout =
        ExecutorConfig.defaults()
            .withLayout(1, 1, 1)
            .withKv(KvType.F16, 32, LIVE * CONTEXT / 32)
            .withSteps(LIVE, 512, 512);
    GgufBuilder model = GgufBuilder.llama().put("llama.context_length", GgufBuilder.u32(CONTEXT));
    try {
      Path file = Files.createTempFile("step", ".gguf");
      try (GgufFile gguf = GgufFile.open(Files.write(file, model.build()))) {
        return NativeExecutor.open(ModelDescription.of(gguf), layout, (done, total) -> {});
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void add() {
    int id = (int) requests++;
    int[] prompt = IntStream.range(0, PROMPT).map(i -> 3 + (i * 31 + id) % 5).toArray();
    int tokens = 400 + id * 37 % 500;
    GenerationRequest request =
        new GenerationRequest(
            "r" + id, 0, prompt, tokens, Sampling.GREEDY, Set.of(), -1, false, 0, "", 0, false);
    core.scheduler().add(new Sequence(request, listener, id, clock, clock.nanos()), clock.nanos());
  }

  /** Replaces what has ended and waits until the oldest step has. */
  @Setup(Level.Invocation)
  public void waitForStep() {
    for (; listener.ended > 0; listener.ended--) {
      add();
    }
    for (boolean ended = false; !ended; ) {
      LaneHeartbeat rank = executor.heartbeats().getFirst();
      ended =
          rank.finishedStep() >= awaited && System.nanoTime() - rank.finishedNanos() > RESULT_NANOS;
    }
  }

  /** The measured step. */
  @Benchmark
  public boolean step() {
    boolean applied = core.await(Long.MAX_VALUE / 2);
    awaited++;
    core.fill();
    return applied;
  }

  /** Says so if it was anything else that was measured. */
  @TearDown
  public void close() {
    executor.close();
    if (core.scheduler().running().size() < LIVE - listener.ended) {
      throw new IllegalStateException(core.scheduler().running().size() + " requests were live");
    }
  }

  /** Counts whom others replace. */
  private static final class Replaced extends DeafListener {
    private int ended;

    @Override
    public void finished(FinishReason reason, RequestTimeline timeline) {
      ended++;
    }

    @Override
    public void failed(EngineFailure failure, RequestTimeline timeline) {
      throw new IllegalStateException(failure.message());
    }
  }
}

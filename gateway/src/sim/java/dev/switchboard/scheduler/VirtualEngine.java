package dev.switchboard.scheduler;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.Fault;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedMachine;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A worker's engine in virtual time: the scheduler and its bookkeeping as they are, over ranks that
 * only take time. In the scheduler's package, which nobody else may look into.
 */
public final class VirtualEngine {
  private static final int VOCABULARY = 97;

  private final SimulatedTime time = SimulatedTime.virtual();
  private final EpochClock clock = EpochClock.of(time::nanos, 0);
  private final SimulatedExecutor executor;
  private final EngineCore core;
  private final Deque<Arriving> arriving = new ArrayDeque<>();
  private int requests;

  private record Arriving(long nanos, GenerationRequest request, GenerationListener listener) {}

  /** What became of a request. */
  public static final class Received implements GenerationListener {
    private final SimulatedTime time;
    private final List<Long> tokens = new ArrayList<>();
    private @Nullable RequestTimeline timeline;

    private Received(SimulatedTime time) {
      this.time = time;
    }

    /** When each token was there. */
    public List<Long> tokens() {
      return List.copyOf(tokens);
    }

    public RequestTimeline timeline() {
      return Objects.requireNonNull(timeline, "it has not ended");
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {}

    @Override
    public void token(TokenEvent token) {
      tokens.add(time.nanos());
    }

    @Override
    public void finished(FinishReason reason, RequestTimeline told) {
      timeline = told;
    }

    @Override
    public void failed(EngineFailure failure, RequestTimeline told) {
      timeline = told;
    }
  }

  public VirtualEngine(int stages, int ranks, LatencyModel latency, long seed) {
    ExecutorConfig layout =
        ExecutorConfig.defaults()
            .withLayout(stages, ranks, 1)
            .withKv(KvType.F16, 32, 400)
            .withSteps(4, 64, 4)
            .withFaults(true, 0);
    executor = new SimulatedExecutor(layout, 4096, VOCABULARY, latency, time);
    core =
        new EngineCore(
            executor, EngineConfig.of(executor.info()), clock, new PrefixKey(seed, ~seed));
  }

  public void on(SimulatedMachine machine) {
    executor.on(machine);
  }

  public void inject(Fault fault) {
    executor.inject(fault);
  }

  /** A request is to arrive; later ones must arrive later. */
  public Received arrives(long nanos, int[] prompt, int maxTokens, int[] generated) {
    Received told = new Received(time);
    GenerationRequest request =
        new GenerationRequest(
                "r" + requests++,
                0,
                prompt,
                maxTokens,
                Sampling.GREEDY,
                Set.of(),
                -1,
                false,
                0,
                "",
                nanos,
                false)
            .after(generated);
    arriving.add(new Arriving(nanos, request, told));
    return told;
  }

  /** Runs until all of them have ended. */
  public void run() {
    while (!arriving.isEmpty() || !core.scheduler().isIdle()) {
      if (core.scheduler().isIdle()) {
        time.waitUntil(arriving.getFirst().nanos());
      }
      while (!arriving.isEmpty() && arriving.getFirst().nanos() <= time.nanos()) {
        Arriving next = arriving.removeFirst();
        core.scheduler()
            .add(
                new Sequence(next.request(), next.listener(), requests++, clock, time.nanos()),
                time.nanos());
      }
      core.fill();
      core.await(Long.MAX_VALUE / 4);
    }
  }
}

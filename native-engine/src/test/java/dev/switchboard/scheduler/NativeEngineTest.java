package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.ExecutorException;
import dev.switchboard.executor.ExecutorInfo;
import dev.switchboard.executor.Fault;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.executor.Sampling;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.scheduler.EngineHealth.RankHeartbeat;
import dev.switchboard.scheduler.GenerationListener.FinishReason;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The engine's thread on the real library, faults included. */
@Timeout(60)
class NativeEngineTest {
  private static final Path MODEL =
      Path.of("src/test/resources/golden/models/tiny-llama-Q8_0.gguf");
  private static final EpochClock CLOCK = EpochClock.system();

  /**
   * 32 of the token's event, the sixteenth part of two loads, what arrays grow by, and what a
   * compiler leaves of iterators; so far it was about 70. Whatever grew with a sequence would be
   * far above.
   */
  private static final double TOKEN_BYTES = 128;

  private static final int WAVE_TOKENS = 400;

  /** Until the step is compiled. */
  private static final int WARM_UP_WAVES = 4;

  private final AtomicLong loadedBytes = new AtomicLong();

  @Test
  void everyRankAnswersAndTheTimelineNamesThemAll() {
    try (EngineLoop engine = engine(layout().withLayout(2, 2, 1))) {
      EngineLoopTest.Waiter waiter = new EngineLoopTest.Waiter();
      engine.submit(request(20), waiter);
      RequestTimeline timeline = waiter.awaitEnd();

      assertEquals(FinishReason.LENGTH, waiter.reason);
      RequestTimeline.Phase prefill = timeline.prefill();
      assertNotNull(prefill);
      assertEquals(4, prefill.lanes().size());
      assertEquals(4, engine.health().ranks().size());
      assertTrue(loadedBytes.get() > 0, "loading was not reported");
    }
  }

  @Test
  void heartbeatsFollowTheSteps() {
    try (EngineLoop engine = engine(layout())) {
      // Heartbeats are read at an interval, so some steps may pass before one shows.
      RankHeartbeat rank = engine.health().ranks().getFirst();
      for (int i = 0; i < 1000 && rank.finishedStep() == 0; i++) {
        EngineLoopTest.Waiter waiter = new EngineLoopTest.Waiter();
        engine.submit(request(200), waiter);
        waiter.awaitEnd();
        rank = engine.health().ranks().getFirst();
      }

      assertTrue(rank.finishedStep() > 0);
      assertTrue(rank.ageMillis() < 60_000);
    }
  }

  @Test
  void aFailedStepNamesItsStageAndRankAndTheEngineGoesOn() {
    try (EngineLoop engine = engine(layout().withLayout(2, 2, 1))) {
      engine.inject(new Fault(Fault.Kind.FAIL, 1, 1, 0, 1, 0));
      EngineLoopTest.Waiter failing = new EngineLoopTest.Waiter();
      engine.submit(request(20), failing);
      failing.awaitEnd();
      EngineLoopTest.Waiter next = new EngineLoopTest.Waiter();
      engine.submit(request(20), next);
      next.awaitEnd();

      GenerationListener.EngineFailure failure = failing.failure;
      assertNotNull(failure);
      assertEquals("step_failed", failure.kind());
      assertEquals(1, failure.stage());
      assertEquals(1, failure.rank());
      assertEquals(FinishReason.LENGTH, next.reason);
      assertNull(engine.health().failure());
    }
  }

  @Test
  void aHungRankIsNamedAndTheEngineCanStillBeClosed() {
    try (EngineLoop engine = engine(layout().withLayout(2, 1, 1))) {
      engine.inject(new Fault(Fault.Kind.HANG, 1, 0, 0, 0, 0));
      EngineLoopTest.Waiter waiter = new EngineLoopTest.Waiter();
      engine.submit(request(20), waiter);
      waiter.awaitEnd();

      GenerationListener.EngineFailure failure = waiter.failure;
      assertNotNull(failure);
      assertEquals("hung", failure.kind());
      assertEquals(1, failure.stage());
      assertEquals(0, failure.rank());
      assertNotNull(engine.health().failure());
    }
  }

  @Test
  void cancellingStopsWithinTwoSteps() {
    try (EngineLoop engine = engine(layout())) {
      CompletableFuture<Engine.Generation> generation = new CompletableFuture<>();
      EngineLoopTest.Waiter waiter =
          new EngineLoopTest.Waiter() {
            // On the engine's thread: from another it may come any number of steps later.
            @Override
            public void token(TokenEvent token) {
              super.token(token);
              generation.join().cancel();
            }
          };
      generation.complete(engine.submit(request(400), waiter));
      waiter.awaitEnd();

      assertEquals(FinishReason.CANCELLED, waiter.reason);
      assertTrue(waiter.tokens.size() <= 1 + 2, waiter.tokens.size() + " tokens");
    }
  }

  /**
   * A token is one small object, for it goes to another thread; the load that others read is
   * another. Nothing that grows with a sequence may be made in a step.
   */
  @Test
  void decodingMakesAnObjectPerTokenAndLittleElse() throws InterruptedException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    int rows = 16;
    try (EngineLoop engine =
        engine(layout().withKv(KvType.F16, 16, 512).withSteps(rows, 128, 64))) {
      Counter tokens = new Counter();
      for (int wave = 0; wave < WARM_UP_WAVES; wave++) {
        submit(engine, rows, tokens);
        tokens.await((wave + 1L) * rows * WAVE_TOKENS);
      }
      long warm = tokens.tokens();
      submit(engine, rows, tokens);
      tokens.await(warm + 20L * rows);
      long thread = engineThread(threads);
      long tokensBefore = tokens.tokens();
      long bytesBefore = threads.getThreadAllocatedBytes(thread);
      tokens.await(warm + 320L * rows);
      long bytes = threads.getThreadAllocatedBytes(thread) - bytesBefore;
      long counted = tokens.tokens() - tokensBefore;

      double perToken = (double) bytes / counted;
      System.out.printf("engine thread: %.1f bytes per token in steps of %d%n", perToken, rows);
      assertTrue(perToken <= TOKEN_BYTES, perToken + " bytes per token");
    }
  }

  private static void submit(EngineLoop engine, int rows, Counter tokens) {
    for (int i = 0; i < rows; i++) {
      engine.submit(request(WAVE_TOKENS), tokens);
    }
  }

  private static long engineThread(ThreadMXBean threads) {
    for (ThreadInfo thread : threads.getThreadInfo(threads.getAllThreadIds())) {
      if (thread != null && thread.getThreadName().equals("switchboard-engine")) {
        return thread.getThreadId();
      }
    }
    throw new AssertionError("there is no engine thread");
  }

  /** Tokens of all sequences; counting takes no memory of the engine's thread. */
  private static final class Counter extends DeafListener {
    private long tokens;
    private long wanted = Long.MAX_VALUE;

    synchronized long tokens() {
      return tokens;
    }

    synchronized void await(long atLeast) throws InterruptedException {
      wanted = atLeast;
      while (tokens < atLeast) {
        wait();
      }
    }

    @Override
    public synchronized void token(TokenEvent token) {
      if (++tokens == wanted) {
        notifyAll();
      }
    }
  }

  @Test
  void aRefusedConfigNamesItsField() {
    ExecutorConfig broken = layout().withKv(KvType.F16, 17, 8);

    ExecutorException refused = assertThrows(ExecutorException.class, () -> engine(broken));

    assertEquals(ExecutorException.Status.INVALID_ARGUMENT, refused.status());
    assertTrue(refused.text().contains("kv_block_tokens"), refused.text());
  }

  @Test
  void memoryIsPlannedBeforeItIsTaken() {
    try (GgufFile file = GgufFile.open(MODEL)) {
      ExecutorInfo.Memory memory = NativeExecutor.planMemory(ModelDescription.of(file), layout());

      assertTrue(memory.weightBytes() > 0);
      assertTrue(memory.kvBytes() > 0);
    }
  }

  private EngineLoop engine(ExecutorConfig layout) {
    try (GgufFile file = GgufFile.open(MODEL)) {
      NativeExecutor executor =
          NativeExecutor.open(
              ModelDescription.of(file), layout, (done, total) -> loadedBytes.set(done));
      return EngineLoop.start(executor, EngineConfig.of(executor.info()), CLOCK);
    }
  }

  private static ExecutorConfig layout() {
    return ExecutorConfig.defaults()
        .withKv(KvType.F16, 16, 64)
        .withSteps(8, 128, 64)
        .withFaults(true, 500);
  }

  private static GenerationRequest request(int maxTokens) {
    Sampling drawn = new Sampling(1, 0, 1, 0, 1, 0, 0, 9, Map.of());
    return new GenerationRequest(
        "request",
        0,
        new int[] {1, 2, 3, 4, 5},
        maxTokens,
        drawn,
        Set.of(),
        -1,
        false,
        0,
        "",
        CLOCK.epochNanos(),
        false);
  }
}

package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.Fault;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.GenerationListener.FinishReason;
import dev.switchboard.scheduler.RejectedGenerationException.Reason;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

@Timeout(20)
class EngineLoopTest {
  private static final EpochClock CLOCK = EpochClock.system();

  @Test
  void streamsTokensInOrderAndEndsOnce() {
    try (EngineLoop engine = engine(LatencyModel.instant())) {
      Waiter waiter = new Waiter();
      engine.submit(request(new int[] {1, 2, 3}, 20), waiter);
      waiter.awaitEnd();

      assertEquals(FinishReason.LENGTH, waiter.reason);
      assertEquals(20, waiter.tokens.size());
      assertEquals(3, waiter.tokens.getFirst().position());
      assertEquals(22, waiter.tokens.getLast().position());
    }
  }

  @Test
  void theTimelineIsOrderedAndEpochBased() {
    try (EngineLoop engine = engine(LatencyModel.instant())) {
      long before = CLOCK.epochNanos();
      Waiter waiter = new Waiter();
      engine.submit(request(new int[] {1, 2, 3}, 5), waiter);
      RequestTimeline timeline = waiter.awaitEnd();

      assertTrue(before <= timeline.tokenizedNanos());
      assertTrue(timeline.tokenizedNanos() <= timeline.scheduledNanos());
      assertTrue(timeline.scheduledNanos() <= timeline.firstTokenNanos());
      assertTrue(timeline.firstTokenNanos() <= timeline.finishedNanos());
      assertEquals(3, assertPhase(timeline.prefill()).tokens());
      assertEquals(4, assertPhase(timeline.decode()).tokens());
    }
  }

  @Test
  void aCancelledGenerationEndsAsCancelled() {
    try (EngineLoop engine = engine(LatencyModel.typical())) {
      Waiter waiter = new Waiter();
      Engine.Generation generation = engine.submit(request(new int[] {1}, 300), waiter);
      generation.cancel();
      waiter.awaitEnd();

      assertEquals(FinishReason.CANCELLED, waiter.reason);
    }
  }

  @Test
  void aFailedStepFailsItsRequestAndTheNextOneWorks() {
    try (EngineLoop engine = engine(LatencyModel.instant())) {
      engine.inject(new Fault(Fault.Kind.FAIL, 0, 0, 0, 1, 0));
      Waiter failing = new Waiter();
      engine.submit(request(new int[] {1}, 5), failing);
      failing.awaitEnd();
      Waiter next = new Waiter();
      engine.submit(request(new int[] {1}, 5), next);
      next.awaitEnd();

      assertEquals("step_failed", assertFailure(failing).kind());
      assertEquals(FinishReason.LENGTH, next.reason);
      assertNull(engine.health().failure());
    }
  }

  @Test
  void aHangFailsEverythingAndTakesTheEngineOut() {
    try (EngineLoop engine = engine(LatencyModel.instant())) {
      engine.inject(new Fault(Fault.Kind.HANG, 0, 0, 0, 0, 0));
      Waiter waiter = new Waiter();
      engine.submit(request(new int[] {1}, 5), waiter);
      waiter.awaitEnd();

      assertEquals("hung", assertFailure(waiter).kind());
      assertTrue(assertNotNullText(engine.health().failure()).startsWith("hung"));
      RejectedGenerationException refused =
          assertThrows(
              RejectedGenerationException.class,
              () -> engine.submit(request(new int[] {1}, 5), new Waiter()));
      assertEquals(Reason.UNAVAILABLE, refused.reason());
    }
  }

  @Test
  void aFaultOfTheMachineFailsEverythingAndTakesTheEngineOut() {
    Executor sound = executor(LatencyModel.instant());
    Executor broken =
        (Executor)
            Proxy.newProxyInstance(
                Executor.class.getClassLoader(),
                new Class<?>[] {Executor.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("await")) {
                    throw new InternalError("a fault occurred in a recent unsafe memory access");
                  }
                  return method.invoke(sound, arguments);
                });
    try (EngineLoop engine = EngineLoop.start(broken, config(), CLOCK)) {
      Waiter waiter = new Waiter();
      engine.submit(request(new int[] {1}, 5), waiter);
      waiter.awaitEnd();

      assertEquals("internal", assertFailure(waiter).kind());
      assertTrue(assertNotNullText(engine.health().failure()).contains("a fault occurred"));
    }
  }

  @Test
  void closingFailsWhatRunsAsShutdown() {
    Waiter waiter = new Waiter();
    try (EngineLoop engine = engine(LatencyModel.typical())) {
      engine.submit(request(new int[] {1}, 300), waiter);
    }
    waiter.awaitEnd();

    assertEquals("shutdown", assertFailure(waiter).kind());
  }

  @Test
  void refusesWhatCannotRunAndSaysWhy() {
    try (EngineLoop engine = engine(LatencyModel.instant())) {
      Waiter waiter = new Waiter();

      RejectedGenerationException tooLong =
          assertThrows(
              RejectedGenerationException.class,
              () -> engine.submit(request(new int[] {1}, 1000), waiter));
      IllegalArgumentException unknownToken =
          assertThrows(
              IllegalArgumentException.class,
              () -> engine.submit(request(new int[] {100_000}, 5), waiter));

      assertEquals(Reason.TOO_LONG, tooLong.reason());
      assertTrue(assertNotNullText(unknownToken.getMessage()).startsWith("prompt"));
    }
  }

  @Test
  void refusesMoreThanTheQueueHolds() {
    EngineConfig two = config().withMaxWaiting(2);
    try (EngineLoop engine = EngineLoop.start(executor(LatencyModel.typical()), two, CLOCK)) {
      int refused = 0;
      for (int i = 0; i < 40; i++) {
        try {
          engine.submit(request(new int[] {1}, 300), new Waiter());
        } catch (RejectedGenerationException e) {
          assertEquals(Reason.QUEUE_FULL, e.reason());
          refused++;
        }
      }

      assertTrue(refused >= 28, "only " + refused + " of 40 were refused");
    }
  }

  /** Eight run; of the others five prompts fit into the bound, and it is asked for before. */
  @Test
  void refusesMorePromptsThanMayWaitInItsMemory() {
    EngineConfig bounded = config().withMaxWaitingTokens(1000);
    try (EngineLoop engine = EngineLoop.start(executor(LatencyModel.typical()), bounded, CLOCK)) {
      int refused = 0;
      for (int i = 0; i < 40; i++) {
        try {
          engine.submit(request(prompt(200), 300), new Waiter());
        } catch (RejectedGenerationException e) {
          assertEquals(Reason.QUEUE_FULL, e.reason());
          assertTrue(assertNotNullText(e.getMessage()).contains("prompt tokens"), e::getMessage);
          refused++;
        }
      }

      assertTrue(refused >= 40 - 8 - 5, "only " + refused + " of 40 were refused");
    }
  }

  @Test
  void aPromptThatFindsNobodyWaitingIsTakenHoweverLongItIs() {
    EngineConfig bounded = config().withMaxWaitingTokens(100);
    try (EngineLoop engine = EngineLoop.start(executor(LatencyModel.instant()), bounded, CLOCK)) {
      Waiter waiter = new Waiter();

      engine.submit(request(prompt(200), 3), waiter);
      waiter.awaitEnd();

      assertEquals(FinishReason.LENGTH, waiter.reason);
    }
  }

  private static int[] prompt(int tokens) {
    int[] prompt = new int[tokens];
    Arrays.fill(prompt, 1);
    return prompt;
  }

  @Test
  void aThrowingListenerLosesOnlyItsOwnRequest() {
    Logger log = (Logger) LoggerFactory.getLogger(EngineLoop.class);
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    lines.start();
    log.addAppender(lines);
    try (EngineLoop engine = engine(LatencyModel.instant())) {
      Waiter broken =
          new Waiter() {
            @Override
            public void token(TokenEvent token) {
              throw new IllegalStateException("broken listener");
            }

            @Override
            public String traceId() {
              return "4bf92f3577b34da6a3ce929d0e0e4736";
            }
          };
      Waiter healthy = new Waiter();
      engine.submit(request(new int[] {1}, 100), broken);
      engine.submit(request(new int[] {2}, 100), healthy);
      healthy.awaitEnd();
      broken.awaitEnd();

      assertEquals(FinishReason.LENGTH, healthy.reason);
      assertEquals(FinishReason.CANCELLED, broken.reason);
      assertNull(engine.health().failure());
    } finally {
      log.detachAppender(lines);
    }

    String line = lines.list.getFirst().getFormattedMessage();
    assertTrue(line.startsWith("listener_failed request="), line);
    assertTrue(line.endsWith(" trace=4bf92f3577b34da6a3ce929d0e0e4736"), line);
  }

  private static RequestTimeline.Phase assertPhase(RequestTimeline.@Nullable Phase phase) {
    assertNotNull(phase);
    assertEquals(1, phase.lanes().size());
    return phase;
  }

  private static EngineFailure assertFailure(Waiter waiter) {
    EngineFailure failure = waiter.failure;
    assertNotNull(failure);
    return failure;
  }

  private static String assertNotNullText(@Nullable String text) {
    assertNotNull(text);
    return text;
  }

  private static SimulatedExecutor executor(LatencyModel latency) {
    ExecutorConfig layout = ExecutorConfig.defaults().withSteps(8, 64, 64).withFaults(true, 200);
    return new SimulatedExecutor(layout, 512, 1000, latency, SimulatedTime.real());
  }

  private static EngineConfig config() {
    try (SimulatedExecutor shape = executor(LatencyModel.instant())) {
      return EngineConfig.of(shape.info());
    }
  }

  private static EngineLoop engine(LatencyModel latency) {
    return EngineLoop.start(executor(latency), config(), CLOCK);
  }

  private static GenerationRequest request(int[] prompt, int maxTokens) {
    return new GenerationRequest(
        "request",
        0,
        prompt,
        maxTokens,
        Sampling.GREEDY,
        Set.of(),
        -1,
        false,
        0,
        "",
        CLOCK.epochNanos(),
        false);
  }

  /** Keeps what comes and lets the test wait for the end. */
  static class Waiter implements GenerationListener {
    final List<TokenEvent> tokens = new ArrayList<>();
    final CountDownLatch ended = new CountDownLatch(1);
    volatile @Nullable FinishReason reason;
    volatile @Nullable EngineFailure failure;
    volatile @Nullable RequestTimeline timeline;

    RequestTimeline awaitEnd() {
      try {
        assertTrue(ended.await(10, TimeUnit.SECONDS), "no end");
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      RequestTimeline result = timeline;
      assertNotNull(result);
      return result;
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {
      throw new AssertionError("not asked for");
    }

    @Override
    public void token(TokenEvent token) {
      tokens.add(token);
    }

    @Override
    public void finished(FinishReason newReason, RequestTimeline newTimeline) {
      reason = newReason;
      timeline = newTimeline;
      ended.countDown();
    }

    @Override
    public void failed(EngineFailure newFailure, RequestTimeline newTimeline) {
      failure = newFailure;
      timeline = newTimeline;
      ended.countDown();
    }
  }
}

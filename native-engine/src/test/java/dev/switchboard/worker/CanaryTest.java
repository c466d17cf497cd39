package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.openai.SamplingDefaults;
import dev.switchboard.scheduler.Engine;
import dev.switchboard.scheduler.EngineHealth;
import dev.switchboard.scheduler.EngineHealth.RankHeartbeat;
import dev.switchboard.scheduler.EngineLoad;
import dev.switchboard.scheduler.EngineStep;
import dev.switchboard.scheduler.GenerationListener;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.GenerationListener.FinishReason;
import dev.switchboard.scheduler.GenerationListener.TokenEvent;
import dev.switchboard.scheduler.GenerationListener.TokenLogprobs;
import dev.switchboard.scheduler.GenerationRequest;
import dev.switchboard.scheduler.RejectedGenerationException;
import dev.switchboard.testing.HandTimers;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.toolcall.ToolFormat;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class CanaryTest {
  private static final int TIMEOUT_MS = 2000;
  private static final RequestTimeline TIMELINE =
      new RequestTimeline("canary", 0, 1, 1, 1, 1, 1, 0, null, null, List.of());

  private final HandTimers time = new HandTimers();
  private final Canary canary = new Canary(time, time, EpochClock.of(time::nanos, 0));
  private final HandEngine engine = new HandEngine();
  private final List<Canary.Outcome> outcomes = new ArrayList<>();

  /** An engine of two ranks that does what the test says. */
  private static final class HandEngine implements Engine {
    private final List<GenerationListener> running = new ArrayList<>();
    private final long[] finished = {7, 7};
    private boolean refuses;
    private int cancelled;

    @Override
    public Generation submit(GenerationRequest request, GenerationListener listener) {
      if (refuses) {
        throw new RejectedGenerationException(
            RejectedGenerationException.Reason.QUEUE_FULL, "the queue is full");
      }
      running.add(listener);
      return () -> cancelled++;
    }

    @Override
    public EngineLoad load() {
      return new EngineLoad(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    @Override
    public EngineHealth health() {
      return new EngineHealth(
          null,
          List.of(
              new RankHeartbeat(0, 0, finished[0], 0, 0, 0),
              new RankHeartbeat(0, 1, finished[1], 0, 0, 0)),
          List.of(),
          List.of(),
          List.of());
    }

    @Override
    public List<EngineStep> steps(int last) {
      return List.of();
    }

    @Override
    public void close() {}
  }

  private ServedModel model() {
    ByteTokenizer tokenizer = new ByteTokenizer(true);
    return new ServedModel(
        "m",
        1,
        new ServedModel.Facts(
            "llama", ModelTask.GENERATE, 0, 1000, "F32", 64, tokenizer.size(), "fp"),
        new ServedModel.Topology(1, 2, 1, "reference"),
        new ServedModel.Memory(1, 2, 3, 4, 16, null),
        tokenizer,
        new ConstraintCompiler(new TokenVocabulary(tokenizer, tokenizer.size())),
        null,
        ToolFormat.NONE,
        SamplingDefaults.OF_THE_API,
        engine,
        null);
  }

  private void send() {
    canary.send(model(), Duration.ofMillis(TIMEOUT_MS), outcomes::add);
  }

  /** The engine gives its token and ends. */
  private void answers(float logprob) {
    GenerationListener listener = engine.running.getLast();
    listener.token(
        new TokenEvent(1, 1, 0, 0, new TokenLogprobs(1, logprob, new int[0], new float[0])));
    listener.finished(FinishReason.LENGTH, TIMELINE);
    time.advance(0);
  }

  private void ranksMoved(int ranks) {
    for (int i = 0; i < ranks; i++) {
      engine.finished[i]++;
    }
  }

  private void ended(@Nullable String failure, boolean ok, long afterMs) {
    Canary.Outcome outcome = outcomes.getFirst();
    assertEquals(failure, outcome.failure());
    assertEquals(ok, outcome.ok());
    assertEquals(afterMs * 1_000_000, outcome.durationNanos());
    assertEquals(0, time.waiting());
    time.advance(10 * TIMEOUT_MS);
    assertEquals(1, outcomes.size());
  }

  @Test
  void aTokenThroughEveryRankIsGood() {
    send();
    time.advance(30);
    ranksMoved(2);

    answers(-1);

    ended(null, true, 30);
    assertEquals(0, engine.cancelled);
  }

  /** Heartbeats are published now and then, so the second one's may come later than the token. */
  @Test
  void aRankThatShowsItsStepLaterIsWaitedFor() {
    send();
    ranksMoved(1);
    answers(-1);
    time.advance(500);
    assertEquals(List.of(), outcomes);

    ranksMoved(2);
    time.advance(5);

    ended(null, true, 505);
  }

  @Test
  void aRankThatShowsNoStepUntilTheTimeoutDidNotAnswer() {
    send();
    ranksMoved(1);
    answers(-1);

    time.advance(TIMEOUT_MS);

    Canary.Outcome outcome = outcomes.getFirst();
    assertTrue(outcome.ranks().getFirst().answered());
    assertFalse(outcome.ranks().getLast().answered());
    time.advance(5);
    ended(null, false, TIMEOUT_MS);
  }

  @Test
  void anEngineThatGivesNoTokenUntilTheTimeoutFailedAndItsGenerationIsCancelled() {
    send();
    time.advance(TIMEOUT_MS - 1);
    assertEquals(List.of(), outcomes);

    time.advance(1);

    ended("no token within 2000 ms", false, TIMEOUT_MS);
    assertEquals(1, engine.cancelled);
  }

  @Test
  void whatComesBehindTheTimeoutChangesNothing() {
    send();
    time.advance(TIMEOUT_MS);

    ranksMoved(2);
    answers(-1);

    ended("no token within 2000 ms", false, TIMEOUT_MS);
  }

  @Test
  void anEngineThatTakesNothingFailsAtOnce() {
    engine.refuses = true;

    send();

    ended("the queue is full", false, 0);
  }

  @Test
  void anEngineThatFailsIsNotWaitedFor() {
    send();
    engine.running.getLast().failed(new EngineFailure("hung", "no step", 0, 1), TIMELINE);
    time.advance(0);

    ended("hung: no step (stage 0, rank 1)", false, 0);
  }

  @Test
  void aTokenThatIsNoNumberIsAFailureThoughEveryRankMoved() {
    send();
    ranksMoved(2);

    answers(Float.NaN);

    ended(Canary.NOT_FINITE + "the log-probability of token 1 is NaN", false, 0);
  }
}

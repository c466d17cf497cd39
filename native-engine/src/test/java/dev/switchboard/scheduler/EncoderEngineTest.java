package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** An encoder's texts through scheduler and library: whole, side by side, as many as fit a step. */
class EncoderEngineTest {
  private static final Path MODEL =
      Path.of("src/test/resources/golden/encoders/tiny-nomic-bert-Q8_0.gguf");
  private static final int STEP_TOKENS = 96;

  @Test
  void textsFillStepsInOrderAndEachGetsTheVectorItGetsAlone() {
    List<int[]> texts = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      // Some fill a step by themselves.
      texts.add(text(i, i % 7 == 0 ? STEP_TOKENS : 1 + i));
    }
    List<float[]> alone = new ArrayList<>();
    try (Bench bench = new Bench(1, 12)) {
      texts.forEach(text -> alone.add(bench.run(List.of(text)).getFirst().vector()));
    }

    for (Bench layout : List.of(new Bench(1, 12), new Bench(2, 24))) {
      try (layout) {
        List<Answer> together = layout.run(texts);

        for (int i = 0; i < texts.size(); i++) {
          assertArrayEquals(alone.get(i), together.get(i).vector(), "text " + i);
        }
        long tokens = texts.stream().mapToInt(text -> text.length).sum();
        long steps = layout.core.scheduler().load(0).step();
        assertTrue(steps >= Math.ceilDiv(tokens, STEP_TOKENS) && steps < 40, steps + " steps");
      }
    }
  }

  @Test
  void aTextsTimelineIsOneStepOfPrefill() {
    try (Bench bench = new Bench(1, 12)) {
      RequestTimeline timeline = bench.run(List.of(text(1, 30))).getFirst().timeline;

      assertNotNull(timeline);
      RequestTimeline.Phase prefill = timeline.prefill();
      assertNotNull(prefill);
      assertEquals(1, prefill.steps());
      assertEquals(30, prefill.tokens());
      assertEquals(0, prefill.cachedTokens());
      assertNull(timeline.decode());
      assertTrue(timeline.scheduledNanos() <= timeline.firstTokenNanos());
      assertTrue(timeline.firstTokenNanos() <= timeline.finishedNanos());
    }
  }

  @Test
  void aTextThatNoStepHoldsIsRefused() {
    try (Bench bench = new Bench(1, 12)) {
      RequestCheck.check(request(0, text(1, STEP_TOKENS)), bench.executor.info());

      RejectedGenerationException refused =
          assertThrows(
              RejectedGenerationException.class,
              () ->
                  RequestCheck.check(request(0, text(1, STEP_TOKENS + 1)), bench.executor.info()));

      assertEquals(RejectedGenerationException.Reason.TOO_LONG, refused.reason());
    }
  }

  private static int[] text(int seed, int length) {
    return new Random(seed).ints(length, 0, 384).toArray();
  }

  private static GenerationRequest request(int index, int[] text) {
    return GenerationRequest.text("r", index, text, 0, 0);
  }

  /** What came of one text. */
  private static final class Answer implements GenerationListener {
    private float @Nullable [] vector;
    private @Nullable RequestTimeline timeline;

    float[] vector() {
      assertNotNull(vector);
      return vector;
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {}

    @Override
    public void token(TokenEvent token) {
      throw new AssertionError("an encoder has no tokens");
    }

    @Override
    public void embedded(float[] given) {
      vector = given;
    }

    @Override
    public void finished(FinishReason reason, RequestTimeline newTimeline) {
      timeline = newTimeline;
    }

    @Override
    public void failed(EngineFailure failure, RequestTimeline newTimeline) {
      throw new AssertionError(failure.toString());
    }
  }

  private static final class Bench implements AutoCloseable {
    private final EpochClock clock = EpochClock.system();
    private final Executor executor;
    private final EngineCore core;
    private long order;

    Bench(int stages, int blocks) {
      ExecutorConfig layout =
          ExecutorConfig.defaults()
              .withLayout(stages, 1, 1)
              .withKv(KvType.F16, 16, blocks)
              .withSteps(8, STEP_TOKENS, 8);
      try (GgufFile file = GgufFile.open(MODEL)) {
        executor = NativeExecutor.open(ModelDescription.of(file), layout, (done, total) -> {});
      }
      core = new EngineCore(executor, EngineConfig.of(executor.info()), clock, new PrefixKey(1, 2));
    }

    List<Answer> run(List<int[]> texts) {
      List<Answer> answers = new ArrayList<>();
      for (int[] text : texts) {
        Answer answer = new Answer();
        GenerationRequest request = request(answers.size(), text);
        answers.add(answer);
        core.scheduler()
            .add(new Sequence(request, answer, order++, clock, clock.nanos()), clock.nanos());
      }
      while (!core.scheduler().isIdle()) {
        core.fill();
        assertTrue(core.await(10_000_000_000L), "a step takes longer than ten seconds");
      }
      core.checkIdle();
      return answers;
    }

    @Override
    public void close() {
      executor.close();
    }
  }
}

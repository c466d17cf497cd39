package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.TestTokenizer;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.executor.Executor;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.Isa;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.NativeExecutor;
import dev.switchboard.executor.NativeMachine;
import dev.switchboard.executor.Sampling;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.GgufSplitter;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.GenerationListener.FinishReason;
import dev.switchboard.scheduler.GenerationListener.TokenEvent;
import dev.switchboard.scheduler.GenerationListener.TokenLogprobs;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * A request's tokens and the bits of its log-probabilities, on every golden model: alone, beside
 * seven others, in small chunks, after a prefix hit, after a preemption, on threads and on stages,
 * from one file and from several they are the same, whatever keys and values are kept as, under a
 * constraint and without. Over two stages of two ranks sums are taken in another order, which moves
 * log-probabilities a little ({@link #tolerance}); there tokens are the same wherever the best two
 * candidates are further apart than both can move.
 */
@Tag("computation")
class NativeDeterminismTest {
  private static final Path MODELS = Path.of("src/test/resources/golden/models");
  private static final int PROMPT = 150;
  private static final int GENERATED = 40;
  private static final Sampling DRAWN =
      new Sampling(0.9f, 40, 0.95f, 0.02f, 1.1f, 0.1f, 0.1f, 77, Map.of(5, -2f));

  @TestFactory
  List<DynamicTest> besideSevenOthers() throws IOException {
    return onEveryModel(
        model -> {
          List<GenerationRequest> batch = new ArrayList<>(others());
          batch.add(3, request(DRAWN));

          assertSame(alone(model, DRAWN), run(model, 512, 64, batch).get(3));
        });
  }

  @TestFactory
  List<DynamicTest> inChunksOf16() throws IOException {
    return onEveryModel(
        model ->
            assertSame(
                alone(model, DRAWN), run(model, 16, 64, List.of(request(DRAWN))).getFirst()));
  }

  @TestFactory
  List<DynamicTest> afterAPrefixHit() throws IOException {
    return onEveryModel(
        model -> {
          try (Bench bench = new Bench(model, layout(1, 1, 64), 512)) {
            Answer first = bench.run(List.of(request(DRAWN))).getFirst();
            Answer second = bench.run(List.of(request(DRAWN))).getFirst();

            assertEquals(0, first.tokens.getFirst().cachedTokens());
            assertEquals(PROMPT / 16 * 16, second.tokens.getFirst().cachedTokens());
            assertSame(first, second);
          }
        });
  }

  @TestFactory
  List<DynamicTest> afterPreemptions() throws IOException {
    return onEveryModel(
        model -> {
          List<GenerationRequest> batch = new ArrayList<>(others());
          batch.add(request(DRAWN));
          try (Bench bench = new Bench(model, layout(1, 1, 32), 64)) {
            Answer last = bench.run(batch).getLast();

            assertTrue(bench.core.scheduler().load(0).preemptions() > 0, "nothing was preempted");
            assertSame(alone(model, DRAWN), last);
          }
        });
  }

  /**
   * A pool of less than the context, as a small worker has it, and one of more than 1024 tokens.
   */
  @TestFactory
  List<DynamicTest> whateverTheKvPoolHolds() throws IOException {
    return onEveryModel(
        model ->
            assertSame(
                run(model, 512, 20, List.of(request(DRAWN))).getFirst(),
                run(model, 512, 130, List.of(request(DRAWN))).getFirst()));
  }

  /** Published models that are large come in parts. */
  @TestFactory
  List<DynamicTest> fromAFileInParts(@TempDir Path folder) throws IOException {
    return onEveryModel(
        model -> {
          Answer whole = alone(model, DRAWN);
          for (int parts = 2; parts <= 3; parts++) {
            assertSame(whole, alone(inParts(model, parts, folder), DRAWN));
          }
        });
  }

  private static Path inParts(Path model, int parts, Path folder) {
    try {
      return GgufSplitter.split(model, parts, folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** With penalties over what was generated, and among others. */
  @TestFactory
  List<DynamicTest> afterTokensThatAnotherEngineGenerated() throws IOException {
    return onEveryModel(
        model -> {
          Answer whole = alone(model, DRAWN);
          for (int known : new int[] {1, GENERATED / 2, GENERATED - 1}) {
            int[] before = whole.tokens.stream().limit(known).mapToInt(TokenEvent::token).toArray();
            List<GenerationRequest> batch = new ArrayList<>(others());
            batch.add(request(DRAWN).after(before));

            Answer rest = run(model, 64, 64, batch).getLast();

            Answer joined = new Answer();
            joined.tokens.addAll(whole.tokens.subList(0, known));
            joined.tokens.addAll(rest.tokens);
            assertSame(whole, joined);
          }
        });
  }

  @TestFactory
  List<DynamicTest> overTwoStagesOfTwoRanks() throws IOException {
    return onEveryModel(
        model -> {
          Answer one = alone(model, Sampling.GREEDY);
          List<GenerationRequest> batch = new ArrayList<>(others());
          batch.add(request(Sampling.GREEDY));
          try (Bench bench = new Bench(model, layout(2, 2, 64), 64)) {
            Answer four = bench.run(batch).getLast();

            assertSameUpToGap(one, four, tolerance(model));
            assertLanes(four.timeline);
          }
        });
  }

  /**
   * Keys and values are rounded when they are stored, so here too a change in the last bit of a sum
   * can become a step of the rounding.
   */
  @TestFactory
  List<DynamicTest> overTwoStagesOfTwoRanksWithEveryKvType() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path model : models()) {
      for (KvType kv : List.of(KvType.BF16, KvType.Q8_0)) {
        boolean isFloat = String.valueOf(model.getFileName()).endsWith("-F32.gguf");
        float tolerance = Math.max(tolerance(model), kv == KvType.BF16 ? 0.005f : 0.02f);
        tests.add(
            DynamicTest.dynamicTest(
                model.getFileName() + " " + kv,
                () -> assertLayoutsAlike(model, kv, isFloat ? tolerance : 0.05f)));
      }
    }
    assertEquals(2 * 29, tests.size());
    return tests;
  }

  private static void assertLayoutsAlike(Path model, KvType kv, float tolerance) {
    Answer one;
    try (Bench bench = new Bench(model, layout(1, 1, 64).withKv(kv, 16, 64), 512)) {
      one = bench.run(List.of(request(Sampling.GREEDY))).getFirst();
    }
    List<GenerationRequest> batch = new ArrayList<>(others());
    batch.add(request(Sampling.GREEDY));
    try (Bench bench = new Bench(model, layout(2, 2, 64).withKv(kv, 16, 64), 64)) {
      assertSameUpToGap(one, bench.run(batch).getLast(), tolerance);
    }
  }

  /**
   * Every type of weights with every type of KV: threads, stages, neighbours, chunks, preemptions
   * and prefix hits together change no bit of a free and of a constrained answer. The number of
   * ranks is the only thing that may, so there two ranks alone are what two ranks are held to.
   */
  @TestFactory
  List<DynamicTest> everyKvTypeOnEveryLayout() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path model : models()) {
      for (KvType kv : KvType.values()) {
        tests.add(
            DynamicTest.dynamicTest(
                model.getFileName() + " " + kv,
                () -> {
                  assertMatrix(model, kv, new Spread(1, 1, 3), new Spread(2, 1, 2));
                  assertMatrix(model, kv, new Spread(1, 2, 2), new Spread(2, 2, 1));
                }));
      }
    }
    assertEquals(4 * 29, tests.size());
    return tests;
  }

  /** So replicas on other CPUs answer alike. Each type of KV has its turn among the models. */
  @TestFactory
  List<DynamicTest> withTheKernelsOfEveryInstructionSet() throws IOException {
    List<Path> models = models();
    List<KvType> kvTypes = List.of(KvType.values());
    Isa best = NativeMachine.probe().bestIsa();
    return onEveryModel(
        model -> {
          KvType kv = kvTypes.get(models.indexOf(model) % kvTypes.size());
          Answer expected = shortAnswer(model, kv, best);
          for (Isa isa : EnumSet.range(Isa.REFERENCE, best)) {
            if (isa != best) {
              assertSame(expected, shortAnswer(model, kv, isa));
            }
          }
        });
  }

  /** The reference is slow. */
  private static Answer shortAnswer(Path model, KvType kv, Isa isa) {
    ExecutorConfig config = new Spread(1, 1, 2).config(kv, 16).withIsa(isa);
    try (Bench bench = new Bench(model, config, 512)) {
      return bench.run(List.of(request(1000, 20, DRAWN))).getFirst();
    }
  }

  private record Spread(int stages, int ranks, int threads) {
    /** With the same number of ranks, which is what the order of sums depends on. */
    Spread narrow() {
      return new Spread(1, ranks, 1);
    }

    ExecutorConfig config(KvType kv, int blocks) {
      return layout(stages, ranks, blocks)
          .withLayout(stages, ranks, threads)
          .withKv(kv, 16, blocks);
    }
  }

  private static void assertMatrix(Path model, KvType kv, Spread onThreads, Spread onStages) {
    Answer free;
    Answer constrained;
    try (Bench bench = new Bench(model, onThreads.narrow().config(kv, 64), 512)) {
      free = bench.run(List.of(request(DRAWN))).getFirst();
      constrained = bench.run(List.of(bench.constrained())).getFirst();
    }
    assertSpelled(constrained);
    try (Bench bench = new Bench(model, onThreads.config(kv, 20), 64)) {
      assertAmongOthers(bench, free, constrained);
      assertTrue(bench.core.scheduler().load(0).preemptions() > 0, "nothing was preempted");
    }
    try (Bench bench = new Bench(model, onStages.config(kv, 96), 24)) {
      assertAmongOthers(bench, free, constrained);
      int cached = assertAmongOthers(bench, free, constrained);
      assertEquals(PROMPT / 16 * 16, cached);
    }
  }

  /** How many tokens of the free request's prompt were found in the cache. */
  private static int assertAmongOthers(Bench bench, Answer free, Answer constrained) {
    List<GenerationRequest> others = others();

    List<Answer> answers =
        bench.run(List.of(others.get(0), bench.constrained(), others.get(3), request(DRAWN)));

    assertSame(constrained, answers.get(1));
    assertSame(free, answers.getLast());
    return answers.getLast().tokens.getFirst().cachedTokens();
  }

  private static void assertSpelled(Answer constrained) {
    StringBuilder text = new StringBuilder();
    constrained.tokens.forEach(token -> text.append((char) token.token()));
    assertTrue(text.toString().matches("([a-h]{1,5}[0-9])*[a-h]{0,5}"), text.toString());
  }

  private static void assertSame(Answer expected, Answer actual) {
    assertEquals(GENERATED, actual.tokens.size());
    for (int i = 0; i < GENERATED; i++) {
      TokenEvent one = expected.tokens.get(i);
      TokenEvent other = actual.tokens.get(i);
      assertEquals(one.token(), other.token(), "token " + i);
      assertEquals(
          Float.floatToRawIntBits(one.logprobs().logprob()),
          Float.floatToRawIntBits(other.logprobs().logprob()),
          "log-probability of token " + i);
    }
  }

  /**
   * How far a log-probability may move. Activations of quantised weights are rounded to 8 bits, so
   * there a change in the last bit of a sum can become a step of the rounding.
   */
  private static float tolerance(Path model) {
    boolean isFloat = String.valueOf(model.getFileName()).matches(".*-(F32|F16|BF16)\\.gguf");
    return isFloat ? 0.0005f : 0.05f;
  }

  /** Tokens after a legitimate difference have other pasts; the comparison ends there. */
  private static void assertSameUpToGap(Answer one, Answer four, float tolerance) {
    for (int i = 0; i < GENERATED; i++) {
      TokenLogprobs logprobs = one.tokens.get(i).logprobs();
      float gap = logprobs.topLogprobs()[0] - logprobs.topLogprobs()[1];
      float moved = Math.abs(logprobs.logprob() - four.tokens.get(i).logprobs().logprob());
      if (one.tokens.get(i).token() != four.tokens.get(i).token()) {
        assertTrue(gap <= 2 * tolerance, "token " + i + " differs over a gap of " + gap);
        return;
      }
      assertTrue(moved <= tolerance, "token " + i + " moved by " + moved);
    }
  }

  private static void assertLanes(@Nullable RequestTimeline timeline) {
    assertNotNull(timeline);
    RequestTimeline.Phase decode = timeline.decode();
    assertNotNull(decode);
    assertEquals(4, decode.lanes().size());
    assertEquals(GENERATED - 1, decode.steps());
    for (RequestTimeline.Lane lane : decode.lanes()) {
      assertEquals(decode.steps(), lane.steps());
      assertTrue(lane.computeNanos() > 0);
      assertTrue(decode.startNanos() <= lane.startNanos() && lane.endNanos() <= decode.endNanos());
    }
  }

  // ---- machinery -----------------------------------------------------------------------------

  private static List<DynamicTest> onEveryModel(Consumer<Path> test) throws IOException {
    List<DynamicTest> tests =
        models().stream()
            .map(
                model ->
                    DynamicTest.dynamicTest(
                        String.valueOf(model.getFileName()), () -> test.accept(model)))
            .toList();
    assertEquals(29, tests.size());
    return tests;
  }

  private static List<Path> models() throws IOException {
    try (Stream<Path> files = Files.list(MODELS)) {
      return files.sorted().toList();
    }
  }

  private static Answer alone(Path model, Sampling sampling) {
    return run(model, 512, 64, List.of(request(sampling))).getFirst();
  }

  private static List<Answer> run(
      Path model, int chunk, int blocks, List<GenerationRequest> requests) {
    try (Bench bench = new Bench(model, layout(1, 1, blocks), chunk)) {
      return bench.run(requests);
    }
  }

  private static ExecutorConfig layout(int stages, int ranks, int blocks) {
    return ExecutorConfig.defaults()
        .withLayout(stages, ranks, 1)
        .withKv(KvType.F16, 16, blocks)
        .withSteps(8, 512, 64);
  }

  private static List<GenerationRequest> others() {
    List<GenerationRequest> requests = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      requests.add(request(i, 5 + 12 * i, DRAWN));
    }
    return requests;
  }

  private static GenerationRequest request(Sampling sampling) {
    return request(1000, PROMPT, sampling);
  }

  private static GenerationRequest request(int seed, int length, Sampling sampling) {
    return request(seed, length, sampling, null);
  }

  private static GenerationRequest request(
      int seed, int length, Sampling sampling, @Nullable Constraint constraint) {
    int[] prompt = new Random(seed).ints(length, 0, 384).toArray();
    return new GenerationRequest(
        "r" + seed,
        0,
        prompt,
        GENERATED,
        sampling,
        Set.of(),
        2,
        false,
        0,
        "",
        0,
        false,
        constraint,
        Long.MAX_VALUE);
  }

  /** What came of one request. */
  private static final class Answer implements GenerationListener {
    final List<TokenEvent> tokens = new ArrayList<>();
    @Nullable RequestTimeline timeline;

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {}

    @Override
    public void token(TokenEvent token) {
      tokens.add(token);
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

  /** A model loaded in a layout. */
  private static final class Bench implements AutoCloseable {
    private final EpochClock clock = EpochClock.system();
    private final Executor executor;
    private final EngineCore core;
    private long order;

    Bench(Path model, ExecutorConfig layout, int chunk) {
      try (GgufFile file = GgufFile.open(model)) {
        executor = NativeExecutor.open(ModelDescription.of(file), layout, (done, total) -> {});
      }
      EngineConfig config = EngineConfig.of(executor.info()).withChunkTokens(chunk);
      core = new EngineCore(executor, config, clock, new PrefixKey(1, 2));
    }

    /** Goes on past the end of its answer, so that every token of it is masked. */
    GenerationRequest constrained() {
      TokenVocabulary bytes = new TokenVocabulary(TestTokenizer.bytes(), executor.info().vocab());
      Constraint constraint =
          new ConstraintCompiler(bytes)
              .compile(new ConstraintSource.Regex("([a-h]{1,5}[0-9]){" + GENERATED + "}"));
      return request(2000, 45, DRAWN, constraint);
    }

    List<Answer> run(List<GenerationRequest> requests) {
      List<Answer> answers = new ArrayList<>();
      for (GenerationRequest request : requests) {
        Answer answer = new Answer();
        answers.add(answer);
        core.scheduler()
            .add(new Sequence(request, answer, order++, clock, clock.nanos()), clock.nanos());
      }
      while (!core.scheduler().isIdle()) {
        core.fill();
        assertTrue(core.await(10_000_000_000L), "a step takes longer than ten seconds");
      }
      core.checkIdle();
      assertEquals(0, core.traces().dropped(), "timeline records came late");
      return answers;
    }

    @Override
    public void close() {
      executor.close();
    }
  }
}

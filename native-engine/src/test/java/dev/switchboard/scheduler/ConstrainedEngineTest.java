package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.TestTokenizer;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.executor.Fault;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.scheduler.GenerationListener.FinishReason;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Constrained sequences through scheduler and executor, whatever happens to them on the way. */
class ConstrainedEngineTest {
  private static final TestTokenizer TOKENIZER = TestTokenizer.bytes();
  private static final ConstraintCompiler COMPILER =
      new ConstraintCompiler(new TokenVocabulary(TOKENIZER, TOKENIZER.size()));

  private static final int MOST_TOKENS = 130;

  private SimulatedTime time = SimulatedTime.virtual();
  private SimulatedExecutor executor = executor(1, 64);
  private EngineCore core = core();
  private long order;

  private SimulatedExecutor executor(int stages, int blocks) {
    ExecutorConfig config =
        ExecutorConfig.defaults()
            .withLayout(stages, 1, 1)
            .withKv(KvType.F16, 16, blocks)
            .withSteps(8, 64, 64)
            .withFaults(true, 1000);
    return new SimulatedExecutor(
        config, 1024, TOKENIZER.size(), new LatencyModel(1_000_000, 1000, 0), time);
  }

  private EngineCore core() {
    return new EngineCore(
        executor,
        EngineConfig.of(executor.info()),
        EpochClock.of(time::nanos, 0),
        new PrefixKey(1, 2));
  }

  private void use(int stages, int blocks) {
    time = SimulatedTime.virtual();
    executor = executor(stages, blocks);
    core = core();
  }

  /** What a sequence's listener heard. */
  private static final class Answer implements GenerationListener {
    private final StringBuilder text = new StringBuilder();
    private @Nullable FinishReason reason;
    private @Nullable EngineFailure failure;

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {}

    @Override
    public void token(TokenEvent token) {
      text.append(new String(TOKENIZER.bytes(token.token()), StandardCharsets.ISO_8859_1));
    }

    @Override
    public void finished(FinishReason finished, RequestTimeline timeline) {
      reason = finished;
    }

    @Override
    public void failed(EngineFailure why, RequestTimeline timeline) {
      failure = why;
    }
  }

  private Sequence add(@Nullable Constraint constraint, int promptTokens, int seed, Answer answer) {
    int[] prompt = new int[promptTokens];
    prompt[0] = seed;
    Sampling sampling = new Sampling(1, 0, 1, 0, 1, 0, 0, seed, Map.of());
    GenerationRequest request =
        new GenerationRequest(
            "r",
            0,
            prompt,
            MOST_TOKENS,
            sampling,
            Set.of(TOKENIZER.end()),
            -1,
            false,
            0,
            "",
            0,
            false,
            constraint,
            Long.MAX_VALUE);
    Sequence sequence =
        new Sequence(request, answer, order++, EpochClock.of(time::nanos, 0), time.nanos());
    core.scheduler().add(sequence, time.nanos());
    return sequence;
  }

  private void run() {
    for (int turns = 0; !core.scheduler().isIdle(); turns++) {
      assertTrue(turns < 20_000, "the engine does not come to an end");
      core.fill();
      core.await(1_000_000_000);
    }
    core.checkIdle();
  }

  private static Constraint regex(String pattern) {
    return COMPILER.compile(new ConstraintSource.Regex(pattern));
  }

  @ParameterizedTest
  @CsvSource({"1, 400", "2, 400", "4, 400", "1, 14", "3, 14"})
  void answersKeepToTheirConstraintsOverStagesAndPreemptions(int stages, int blocks) {
    use(stages, blocks);
    List<Answer> answers = new ArrayList<>();

    for (int i = 0; i < 12; i++) {
      Answer answer = new Answer();
      answers.add(answer);
      add(i % 3 == 2 ? null : regex("(ab|c){40,60}-\\d{3}"), 1 + 7 * i, i + 1, answer);
    }
    run();

    for (int i = 0; i < 12; i++) {
      String text = answers.get(i).text.toString();
      if (i % 3 != 2) {
        assertTrue(text.matches("(ab|c){40,60}-\\d{3}"), i + ": " + text);
        assertEquals(FinishReason.STOP, answers.get(i).reason);
      }
    }
    assertTrue(blocks > 100 || core.scheduler().load(0).preemptions() > 0);
  }

  @Test
  void anAnswerDoesNotDependOnItsNeighboursOrTheLayout() {
    Answer alone = new Answer();
    add(regex("[a-z]{3,50}\\."), 5, 9, alone);
    run();
    use(3, 64);
    Answer together = new Answer();

    add(regex("[0-9]{100}"), 3, 4, new Answer());
    add(regex("[a-z]{3,50}\\."), 5, 9, together);
    add(null, 9, 1, new Answer());
    run();

    assertEquals(alone.text.toString(), together.text.toString());
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3"})
  void masksThatAreFoundLateChangeNoAnswer(int stages) {
    String pattern = "[a-z]{3,50}\\.";
    Answer direct = new Answer();
    add(regex(pattern), 5, 9, direct);
    run();
    use(stages, 64);
    ArrayDeque<Runnable> later = new ArrayDeque<>();
    ConstraintCompiler lazy =
        new ConstraintCompiler(new TokenVocabulary(TOKENIZER, TOKENIZER.size()), later::add);
    Answer late = new Answer();
    Answer free = new Answer();

    add(lazy.compile(new ConstraintSource.Regex(pattern)), 5, 9, late);
    add(null, 9, 1, free);
    int waits = 0;
    for (int turns = 0; !core.scheduler().isIdle(); turns++) {
      assertTrue(turns < 20_000, "the engine does not come to an end");
      core.fill();
      boolean stepped = core.await(300_000);
      waits += !stepped && core.scheduler().isFindingMasks() ? 1 : 0;
      Runnable found = turns % 40 == 39 ? later.poll() : null;
      if (found != null) {
        found.run();
      }
    }

    assertTrue(waits > 10, waits + " waits");
    assertEquals(direct.text.toString(), late.text.toString());
    assertEquals(FinishReason.STOP, late.reason);
    assertEquals(MOST_TOKENS, free.text.length());
  }

  @Test
  void aDeadEndFailsTheSequenceByName() {
    Answer answer = new Answer();
    Answer neighbour = new Answer();
    TestTokenizer few = TestTokenizer.of("a");
    // The same number of words, but no way to spell what must follow.
    Constraint unspeakable =
        new ConstraintCompiler(new TokenVocabulary(few, TOKENIZER.size()))
            .compile(new ConstraintSource.Regex("aaab"));

    add(unspeakable, 3, 1, answer);
    add(regex("xyz"), 3, 2, neighbour);
    run();

    assertEquals("constraint_dead_end", answer.failure == null ? "" : answer.failure.kind());
    assertEquals("xyz", neighbour.text.toString());
  }

  @Test
  void aFailedStepLeavesNobodyWaiting() {
    use(2, 64);
    Answer failed = new Answer();
    add(regex("a{100}"), 3, 1, failed);
    executor.inject(new Fault(Fault.Kind.FAIL, 1, 0, 10, 1, 0));
    run();
    Answer after = new Answer();

    add(regex("b{10}"), 3, 2, after);
    run();

    assertEquals("step_failed", failed.failure == null ? "" : failed.failure.kind());
    assertEquals("b".repeat(10), after.text.toString());
  }

  @Test
  void aCancelledSequenceLeavesNobodyWaiting() {
    use(2, 64);
    Answer cancelled = new Answer();
    Answer other = new Answer();
    Sequence sequence = add(regex("a{100}"), 3, 1, cancelled);
    add(regex("b{40}"), 3, 2, other);
    for (int i = 0; i < 6; i++) {
      core.fill();
      core.await(1_000_000_000);
    }
    core.fill();

    sequence.requestCancel();
    core.scheduler().cancel(sequence, time.nanos());
    run();

    assertEquals(FinishReason.CANCELLED, cancelled.reason);
    assertEquals("b".repeat(40), other.text.toString());
  }

  @Test
  void anAnswerThatItsLengthCutsSaysWhetherItIsWhole() {
    Answer cut = new Answer();
    Answer whole = new Answer();

    add(regex("a{1000}"), 3, 1, cut);
    add(regex("b{" + MOST_TOKENS + ",1000}"), 3, 2, whole);
    run();

    assertEquals(FinishReason.CUT, cut.reason);
    assertEquals("a".repeat(MOST_TOKENS), cut.text.toString());
    assertEquals(FinishReason.LENGTH, whole.reason);
    assertEquals("b".repeat(MOST_TOKENS), whole.text.toString());
  }
}

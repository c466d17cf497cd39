package dev.switchboard.scheduler;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.executor.ExecutorConfig;
import dev.switchboard.executor.Fault;
import dev.switchboard.executor.LatencyModel;
import dev.switchboard.executor.Sampling;
import dev.switchboard.executor.SimulatedExecutor;
import dev.switchboard.executor.SimulatedTime;
import dev.switchboard.kv.BlockPool;
import dev.switchboard.kv.PrefixKey;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One seeded run in virtual time: a random engine, random arrivals, cancellations and faults. Every
 * turn checks the engine's promises; every answer is compared with the same request served alone.
 */
final class Simulation {
  static final int CONTEXT = 400;
  static final int VOCAB = 211;
  private static final long STEP_NANOS = 5_000;
  private static final long TOKEN_NANOS = 100;

  private final Random random;
  private final String name;
  private final SimulatedTime time = SimulatedTime.virtual();
  private final EpochClock clock = EpochClock.of(time::nanos, 1_000_000);
  private final SimulatedExecutor executor;
  private final EngineConfig config;
  private final ExecutorConfig layout;
  private final EngineCore core;
  private final List<Call> calls = new ArrayList<>();
  private final TreeMap<Long, List<Runnable>> events = new TreeMap<>();
  private boolean hasFaults;
  private int turns;
  private int paceChecks;

  Simulation(long seed) {
    random = new Random(seed);
    name = "seed " + seed;
    int stages = 1 + random.nextInt(3);
    int rows = 1 + random.nextInt(12);
    int stepTokens = Math.max(rows, 8 + random.nextInt(120));
    layout =
        ExecutorConfig.defaults()
            .withLayout(stages, 1 + random.nextInt(2), 1)
            .withKv(
                ExecutorConfig.KvType.F16, 16, 25 + random.nextInt(random.nextBoolean() ? 20 : 200))
            .withSteps(rows, stepTokens, Math.max(4, rows))
            .withFaults(true, 0);
    executor =
        new SimulatedExecutor(
            layout, CONTEXT, VOCAB, new LatencyModel(STEP_NANOS, TOKEN_NANOS, 1), time);
    config =
        new EngineConfig(
            10_000,
            Long.MAX_VALUE,
            stepTokens,
            1 + random.nextInt(64),
            stages + random.nextInt(2),
            random.nextInt(4) > 0,
            50,
            Long.MAX_VALUE);
    core = new EngineCore(executor, config, clock, new PrefixKey(seed, ~seed));
  }

  BlockPool pool() {
    return core.pool();
  }

  EngineLoad load() {
    return core.scheduler().load(0);
  }

  List<Call> calls() {
    return calls;
  }

  /** Requests at random times, some of which are cancelled at random times. */
  void arrivals(int count, boolean cancels) {
    int[][] families = new int[4][];
    Arrays.setAll(families, i -> randomTokens(1 + random.nextInt(200)));
    int[] times = random.ints(count, 0, count * 20_000).sorted().toArray();
    for (int i = 0; i < count; i++) {
      Call call = new Call(request(i, families[random.nextInt(families.length)]), i);
      calls.add(call);
      long at = times[i];
      at(at, call::submit);
      if (cancels && random.nextInt(4) == 0) {
        at(at + random.nextInt(2_000_000), call::cancel);
      }
    }
  }

  void faults(int count) {
    hasFaults = true;
    for (int i = 0; i < count; i++) {
      Fault.Kind kind =
          switch (random.nextInt(4)) {
            case 0 -> Fault.Kind.DELAY;
            case 1 -> Fault.Kind.SLOW;
            case 2 -> Fault.Kind.OUT_OF_MEMORY;
            default -> Fault.Kind.FAIL;
          };
      Fault fault =
          new Fault(kind, random.nextInt(layout.stages()), -1, 0, 1 + random.nextInt(2), 50_000);
      at(random.nextInt(calls.size() * 20_000), () -> executor.inject(fault));
    }
  }

  private void at(long nanos, Runnable event) {
    events.computeIfAbsent(nanos, n -> new ArrayList<>()).add(event);
  }

  private int[] randomTokens(int count) {
    return random.ints(count, 0, VOCAB).toArray();
  }

  private GenerationRequest request(int id, int[] family) {
    int shared = random.nextInt(family.length + 1);
    int[] own = randomTokens(1 + random.nextInt(40));
    int[] prompt = Arrays.copyOf(family, shared + own.length);
    System.arraycopy(own, 0, prompt, shared, own.length);
    boolean scores = random.nextInt(8) == 0;
    Sampling sampling = new Sampling(1, 0, 1, 0, 1, 0, 0, random.nextInt(3), Map.of());
    int maxTokens = scores && random.nextBoolean() ? 0 : 1 + random.nextInt(60);
    Set<Integer> stops = random.nextBoolean() ? Set.of() : Set.of(3, 5, 7);
    return new GenerationRequest(
        "r" + id,
        0,
        prompt,
        maxTokens,
        sampling,
        stops,
        random.nextInt(4) - 1,
        scores,
        random.nextInt(3) == 0 ? 1 : 0,
        "tenant" + random.nextInt(2),
        1_000_000,
        random.nextInt(4) == 0);
  }

  /** Runs until nothing is left. */
  void run() {
    while (!events.isEmpty() || !core.scheduler().isIdle()) {
      assertTrue(++turns < 1_000_000, name + " does not end");
      while (!events.isEmpty() && events.firstKey() <= time.nanos()) {
        events.pollFirstEntry().getValue().forEach(Runnable::run);
      }
      core.fill();
      checkTurn();
      if (core.scheduler().inFlight() == 0) {
        assertTrue(core.scheduler().isIdle(), name + " stands still with work to do");
        core.checkIdle();
        if (!events.isEmpty()) {
          time.waitUntil(events.firstKey());
        }
      } else {
        long next = events.isEmpty() ? Long.MAX_VALUE / 2 : events.firstKey() - time.nanos();
        core.await(Math.max(1, next));
      }
    }
    core.checkIdle();
    assertEquals(0, pool().used(), name);
    assertEquals(0, core.traces().dropped(), name);
    for (Call call : calls) {
      call.checkEnd();
    }
    checkFirstComeFirstServed();
  }

  /** Of equal priority, whoever came first was started first. */
  private void checkFirstComeFirstServed() {
    Map<Integer, Long> lastStart = new HashMap<>();
    for (Call call : calls) {
      long start = Objects.requireNonNull(call.recorder.timeline).scheduledNanos();
      if (start > 0) {
        Long before = lastStart.put(call.request.priority(), start);
        assertTrue(before == null || before <= start, name + ": overtook its equal");
      }
    }
  }

  /**
   * With KV for every row only a more important request takes a row back. Who keeps it never waits
   * for a token longer than it takes every row to have its turn, however many prompts come in
   * between.
   */
  private void checkPace(List<Long> times) {
    boolean hasAmpleKv = pool().total() >= layout.maxRows() * Math.ceilDiv(CONTEXT, 16);
    if (!hasAmpleKv || hasFaults) {
      return;
    }
    paceChecks++;
    int tokens = layout.maxStepTokens();
    long longestStep = STEP_NANOS + (TOKEN_NANOS + CONTEXT) * tokens;
    int turnSteps = Math.ceilDiv(layout.maxRows(), Math.max(1, tokens - Math.max(1, tokens / 8)));
    long bound = (turnSteps + layout.stages() + 1) * longestStep;
    for (int i = 1; i < times.size(); i++) {
      long gap = times.get(i) - times.get(i - 1);
      assertTrue(gap <= bound, name + ": waited " + gap + " ns for a token, not " + bound);
    }
  }

  /** How many requests' paces were held to their bound. */
  int paceChecks() {
    return paceChecks;
  }

  private void checkTurn() {
    Set<Integer> rows = new HashSet<>();
    int[] owners = new int[pool().total()];
    for (Sequence sequence : core.scheduler().running()) {
      assertTrue(rows.add(sequence.row), name + ": two sequences share a row");
      Set<Integer> own = new HashSet<>();
      for (int i = 0; i < sequence.blockCount; i++) {
        owners[sequence.blocks[i]]++;
        assertTrue(own.add(sequence.blocks[i]), name + ": a block is twice in a table");
      }
      assertTrue(sequence.blockCount * 16 >= sequence.computed, name + ": computed without blocks");
    }
    for (int block = 0; block < owners.length; block++) {
      assertEquals(owners[block], pool().references(block), name + ": a block is miscounted");
    }
    if (turns % 16 == 0) {
      pool().check();
    }
  }

  /** What a request generates alone in an engine of its own, in one chunk, without reuse. */
  private static List<Integer> alone(GenerationRequest request) {
    SimulatedTime time = SimulatedTime.virtual();
    EpochClock clock = EpochClock.of(time::nanos, 0);
    SimulatedExecutor executor =
        new SimulatedExecutor(
            ExecutorConfig.defaults().withSteps(1, CONTEXT, CONTEXT),
            CONTEXT,
            VOCAB,
            new LatencyModel(1, 1, 0),
            time);
    EngineConfig config =
        new EngineConfig(10, Long.MAX_VALUE, CONTEXT, CONTEXT, 1, false, 50, Long.MAX_VALUE);
    EngineCore core = new EngineCore(executor, config, clock, new PrefixKey(0, 0));
    Recorder recorder = new Recorder(time);
    core.scheduler().add(new Sequence(request, recorder, 0, clock, 0), 0);
    for (core.fill(); core.await(Long.MAX_VALUE / 2); core.fill()) {}
    return recorder.tokens;
  }

  /** One request and what came of it. */
  final class Call {
    final GenerationRequest request;
    final Recorder recorder = new Recorder(time);
    final Sequence sequence;
    private boolean cancelled;

    Call(GenerationRequest request, int order) {
      this.request = request;
      sequence = new Sequence(request, recorder, order, clock, 0);
    }

    void submit() {
      core.scheduler().add(sequence, time.nanos());
    }

    void cancel() {
      cancelled = true;
      sequence.requestCancel();
      int planned = sequence.computed;
      core.fill();
      assertEquals(planned, sequence.computed, name + ": planned after its cancellation");
      core.scheduler().cancel(sequence, time.nanos());
    }

    void checkEnd() {
      assertEquals(1, recorder.ends, name + ": ends of " + request.requestId());
      List<Integer> expected = alone(request);
      if (recorder.failure == null
          && recorder.reason != GenerationListener.FinishReason.CANCELLED) {
        assertEquals(expected, recorder.tokens, name + ": tokens of " + request.requestId());
      } else {
        assertTrue(cancelled || hasFaults, name + ": failed without a fault");
        int size = recorder.tokens.size();
        assertTrue(size <= expected.size(), name);
        assertEquals(expected.subList(0, size), recorder.tokens, name);
      }
      if (Objects.requireNonNull(recorder.timeline).preemptions() == 0) {
        checkPace(recorder.times);
      }
      checkScores();
      checkTimeline();
    }

    private void checkScores() {
      if (!request.promptLogprobs()
          || (recorder.reason == GenerationListener.FinishReason.CANCELLED
              && recorder.scores == null)
          || recorder.failure != null) {
        return;
      }
      int[] scored = new int[request.prompt().length - 1];
      assertNotEquals(null, recorder.scores, name + ": no prompt logprobs");
      Arrays.setAll(scored, i -> recorder.scores == null ? -1 : recorder.scores[i].token());
      assertArrayEquals(
          Arrays.copyOfRange(request.prompt(), 1, request.prompt().length), scored, name);
    }

    private void checkTimeline() {
      RequestTimeline timeline = Objects.requireNonNull(recorder.timeline, name);
      int computed = 0;
      for (RequestTimeline.Phase phase : Arrays.asList(timeline.prefill(), timeline.decode())) {
        if (phase == null) {
          continue;
        }
        computed += phase.tokens();
        assertTrue(phase.startNanos() <= phase.endNanos(), name);
        assertTrue(phase.endNanos() <= timeline.finishedNanos(), name);
        assertEquals(layout.stages() * layout.ranks(), phase.lanes().size(), name);
        for (RequestTimeline.Lane lane : phase.lanes()) {
          assertTrue(
              lane.startNanos() >= phase.startNanos() && lane.endNanos() <= phase.endNanos(), name);
          assertEquals(phase.steps(), lane.steps(), name);
        }
      }
      if (recorder.reason == GenerationListener.FinishReason.LENGTH) {
        int cached = timeline.prefill() == null ? 0 : timeline.prefill().cachedTokens();
        int wanted = request.prompt().length + request.maxTokens() - 1;
        // Of what a preempted one lost, others may have computed more than it had.
        assertTrue(computed + cached <= wanted, name);
        assertTrue(computed + cached == wanted || timeline.preemptions() > 0, name);
      }
      if (!request.stepDetail()) {
        assertTrue(timeline.steps().isEmpty(), name);
      }
    }
  }

  /** A listener that keeps everything. */
  static final class Recorder implements GenerationListener {
    final List<Integer> tokens = new ArrayList<>();
    final List<Long> times = new ArrayList<>();
    private final SimulatedTime time;
    TokenLogprobs @Nullable [] scores;
    @Nullable FinishReason reason;
    @Nullable EngineFailure failure;
    @Nullable RequestTimeline timeline;
    @Nullable AttemptId attempt;
    int ends;

    Recorder(SimulatedTime time) {
      this.time = time;
    }

    @Override
    public @Nullable AttemptId attempt() {
      return attempt;
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {
      assertEquals(0, tokens.size());
      assertNull(scores);
      scores = logprobs;
    }

    @Override
    public void token(TokenEvent token) {
      assertEquals(0, ends);
      tokens.add(token.token());
      times.add(time.nanos());
    }

    @Override
    public void finished(FinishReason newReason, RequestTimeline newTimeline) {
      reason = newReason;
      timeline = newTimeline;
      ends++;
    }

    @Override
    public void failed(EngineFailure newFailure, RequestTimeline newTimeline) {
      failure = newFailure;
      timeline = newTimeline;
      ends++;
    }
  }
}

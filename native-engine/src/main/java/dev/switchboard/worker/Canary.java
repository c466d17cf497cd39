package dev.switchboard.worker;

import dev.switchboard.executor.Sampling;
import dev.switchboard.scheduler.Engine;
import dev.switchboard.scheduler.EngineHealth.RankHeartbeat;
import dev.switchboard.scheduler.GenerationListener;
import dev.switchboard.scheduler.GenerationRequest;
import dev.switchboard.scheduler.RejectedGenerationException;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import dev.switchboard.tokenizer.Tokenizer;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Generates a little through every stage and rank and looks who moved. The warm-up is the same with
 * a longer prompt. On the event loop.
 */
final class Canary {
  private static final int PRIORITY = 1000;
  private static final long HEARTBEAT_RETRY_MS = 5;

  /** Begins the failure of a model whose output is no number. */
  static final String NOT_FINITE = "the model's output is not finite: ";

  /**
   * How it went.
   *
   * @param failure null when a token came out
   * @param ranks every rank, with whether it finished a step since the canary was sent
   */
  record Outcome(@Nullable String failure, long durationNanos, List<Rank> ranks) {
    Outcome {
      ranks = List.copyOf(ranks);
    }

    boolean ok() {
      return failure == null && ranks.stream().allMatch(Rank::answered);
    }
  }

  /** One rank. */
  record Rank(RankHeartbeat heartbeat, boolean answered) {}

  private final Executor loop;
  private final Timers timers;
  private final EpochClock clock;

  /**
   * @param loop the event loop
   */
  Canary(Executor loop, Timers timers, EpochClock clock) {
    this.loop = loop;
    this.timers = timers;
    this.clock = clock;
  }

  /** Sends one token through. */
  void send(ServedModel model, Duration timeout, Consumer<Outcome> done) {
    send(model, 1, 1, timeout, done);
  }

  void send(
      ServedModel model,
      int promptTokens,
      int maxTokens,
      Duration timeout,
      Consumer<Outcome> done) {
    Flight flight = new Flight(model.engine(), done);
    try {
      flight.start(request(model, promptTokens, maxTokens), timeout);
    } catch (RejectedGenerationException rejected) {
      flight.end(String.valueOf(rejected.getMessage()));
    }
  }

  private GenerationRequest request(ServedModel model, int promptTokens, int maxTokens) {
    Tokenizer tokenizer = model.tokenizer();
    int first = tokenizer.bos() >= 0 ? tokenizer.bos() : 0;
    int[] prompt = IntStream.range(0, promptTokens).map(i -> i == 0 ? first : i).toArray();
    if (model.facts().task() != ModelTask.GENERATE) {
      return GenerationRequest.text("canary", 0, prompt, PRIORITY, clock.epochNanos());
    }
    return new GenerationRequest(
        "canary",
        0,
        prompt,
        maxTokens,
        Sampling.GREEDY,
        Set.of(),
        0,
        promptTokens > 1,
        PRIORITY,
        "canary",
        clock.epochNanos(),
        false);
  }

  private final class Flight implements GenerationListener {
    private final Engine engine;
    private final Consumer<Outcome> done;
    private final long sentNanos = clock.nanos();
    private final List<RankHeartbeat> before;
    private Engine.@Nullable Generation generation;
    private Timer timer = Timer.NONE;
    private boolean generated;

    /** What of its output is not finite; null when all is. */
    private volatile @Nullable String notFinite;

    private boolean over;

    Flight(Engine engine, Consumer<Outcome> done) {
      this.engine = engine;
      this.done = done;
      this.before = engine.health().ranks();
    }

    void start(GenerationRequest request, Duration timeout) {
      generation = engine.submit(request, this);
      timer = timers.after(timeout.toMillis(), () -> expire(timeout));
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {
      for (TokenLogprobs scored : logprobs) {
        check(scored);
      }
    }

    @Override
    public void token(TokenEvent token) {
      check(token.logprobs());
    }

    private void check(TokenLogprobs scored) {
      if (!Float.isFinite(scored.logprob()) && notFinite == null) {
        notFinite =
            "the log-probability of token %d is %s".formatted(scored.token(), scored.logprob());
      }
    }

    @Override
    public void embedded(float[] vector) {
      for (int i = 0; i < vector.length && notFinite == null; i++) {
        if (!Float.isFinite(vector[i])) {
          notFinite = "element %d of a text's vector is %s".formatted(i, vector[i]);
        }
      }
    }

    @Override
    public void finished(FinishReason reason, RequestTimeline timeline) {
      if (reason == FinishReason.CANCELLED) {
        loop.execute(() -> end("it was cancelled"));
      } else {
        loop.execute(this::endWhenSeen);
      }
    }

    @Override
    public void failed(EngineFailure failure, RequestTimeline timeline) {
      String where = " (stage " + failure.stage() + ", rank " + failure.rank() + ")";
      String why =
          failure.equals(EngineFailure.NOT_FINITE)
              ? NOT_FINITE + "of no token there is a probability"
              : failure.kind() + ": " + failure.message() + where;
      loop.execute(() -> end(why));
    }

    /** Heartbeats are published at an interval: a rank gets until the timeout to show its step. */
    private void endWhenSeen() {
      generated = true;
      String wrong = notFinite;
      if (wrong != null) {
        end(NOT_FINITE + wrong);
      } else if (ranks().stream().allMatch(Rank::answered)) {
        end(null);
      } else if (!over) {
        timers.after(HEARTBEAT_RETRY_MS, this::endWhenSeen);
      }
    }

    private void expire(Duration timeout) {
      end(generated ? null : "no token within " + timeout.toMillis() + " ms");
    }

    void end(@Nullable String failure) {
      if (over) {
        return;
      }
      over = true;
      timer.cancel();
      if (failure != null && generation != null) {
        generation.cancel();
      }
      done.accept(new Outcome(failure, clock.nanos() - sentNanos, ranks()));
    }

    private List<Rank> ranks() {
      List<RankHeartbeat> after = engine.health().ranks();
      return IntStream.range(0, after.size())
          .mapToObj(i -> new Rank(after.get(i), finishedSince(after.get(i), i)))
          .toList();
    }

    private boolean finishedSince(RankHeartbeat now, int index) {
      return index >= before.size() || now.finishedStep() > before.get(index).finishedStep();
    }
  }
}

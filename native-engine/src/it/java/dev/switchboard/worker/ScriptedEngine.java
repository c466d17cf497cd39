package dev.switchboard.worker;

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
import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An engine whose answers are written down. It takes a step when the test lets it: each step gives
 * every running generation one token.
 */
final class ScriptedEngine implements Engine {
  private final Function<GenerationRequest, int[]> script;
  private final @Nullable Function<GenerationRequest, float[]> vectors;
  private final List<Run> running = new ArrayList<>();
  private final List<GenerationRequest> submitted = new ArrayList<>();
  private final Thread thread = Thread.ofPlatform().name("scripted-engine").unstarted(this::loop);
  private long allowedSteps = Long.MAX_VALUE;
  private long step;
  private int queueLimit = Integer.MAX_VALUE;
  private int waiting;
  private boolean closed;
  private boolean rankAnswers = true;
  private @Nullable String failure;
  private @Nullable EngineFailure nextStepFails;

  ScriptedEngine(Function<GenerationRequest, int[]> script) {
    this(script, null);
  }

  private ScriptedEngine(
      Function<GenerationRequest, int[]> script,
      @Nullable Function<GenerationRequest, float[]> vectors) {
    this.script = script;
    this.vectors = vectors;
    thread.start();
  }

  /** An encoder: each step ends every running text with its vector. */
  static ScriptedEngine encoder(Function<GenerationRequest, float[]> vectors) {
    return new ScriptedEngine(request -> new int[0], vectors);
  }

  private final class Run implements Generation {
    private final GenerationRequest request;
    private final GenerationListener listener;
    private final int[] tokens;
    private int next;
    private boolean cancelled;

    Run(GenerationRequest request, GenerationListener listener) {
      this.request = request;
      this.listener = listener;
      this.tokens = script.apply(request);
    }

    @Override
    public void cancel() {
      synchronized (ScriptedEngine.this) {
        cancelled = true;
        ScriptedEngine.this.notifyAll();
      }
    }

    /** Says whether it goes on. */
    boolean step() {
      if (cancelled) {
        listener.finished(FinishReason.CANCELLED, timeline());
        return false;
      }
      EngineFailure fault = nextStepFails;
      if (fault != null) {
        listener.failed(fault, timeline());
        return false;
      }
      if (vectors != null) {
        listener.embedded(vectors.apply(request));
        listener.finished(FinishReason.LENGTH, timeline());
        return false;
      }
      if (next == 0 && request.promptLogprobs()) {
        listener.promptLogprobs(promptScores());
      }
      if (next < Math.min(tokens.length, request.maxTokens())) {
        if (request.stopTokens().contains(tokens[next])) {
          listener.finished(FinishReason.STOP, timeline());
          return false;
        }
        int position = request.prompt().length + next;
        listener.token(new TokenEvent(tokens[next], position, 0, 0, score(tokens[next])));
        next++;
      }
      if (next >= Math.min(tokens.length, request.maxTokens())) {
        listener.finished(
            next >= request.maxTokens() ? FinishReason.LENGTH : FinishReason.STOP, timeline());
        return false;
      }
      return true;
    }

    private TokenLogprobs[] promptScores() {
      TokenLogprobs[] scores = new TokenLogprobs[request.prompt().length - 1];
      for (int i = 0; i < scores.length; i++) {
        scores[i] = score(request.prompt()[i + 1]);
      }
      return scores;
    }

    private TokenLogprobs score(int token) {
      int top = Math.max(0, request.topLogprobs());
      int[] tokens = new int[top];
      float[] logprobs = new float[top];
      for (int i = 0; i < top; i++) {
        tokens[i] = 'a' + i;
        logprobs[i] = -1 - i;
      }
      return request.topLogprobs() < 0
          ? TokenLogprobs.NONE
          : new TokenLogprobs(token, -0.5f, tokens, logprobs);
    }

    private RequestTimeline timeline() {
      long received = request.receivedNanos();
      RequestTimeline.Step only =
          new RequestTimeline.Step(
              1,
              received,
              received,
              received,
              RequestTimeline.Calls.NONE,
              1,
              1,
              1,
              List.of(7L),
              List.of());
      return new RequestTimeline(
          request.requestId(),
          request.choice(),
          received,
          received,
          received,
          received,
          received,
          0,
          null,
          null,
          request.stepDetail() ? List.of(only) : List.of());
    }
  }

  private void loop() {
    try {
      while (await()) {
        step();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized boolean await() throws InterruptedException {
    while (!closed && (running.isEmpty() || (allowedSteps == 0 && !anyCancelled()))) {
      wait();
    }
    return !closed;
  }

  private boolean anyCancelled() {
    return running.stream().anyMatch(run -> run.cancelled);
  }

  private synchronized void step() {
    boolean allowed = allowedSteps > 0;
    if (allowed) {
      allowedSteps--;
      step++;
    }
    Iterator<Run> runs = running.iterator();
    while (runs.hasNext()) {
      Run run = runs.next();
      if ((allowed || run.cancelled) && !run.step()) {
        runs.remove();
      }
    }
  }

  @Override
  public synchronized Generation submit(GenerationRequest request, GenerationListener listener) {
    if (running.size() >= queueLimit) {
      throw new RejectedGenerationException(
          RejectedGenerationException.Reason.QUEUE_FULL, running.size() + " wait");
    }
    Run run = new Run(request, listener);
    running.add(run);
    submitted.add(request);
    notifyAll();
    return run;
  }

  /** From now on, only so many more steps. */
  synchronized void allow(long steps) {
    allowedSteps = steps;
    notifyAll();
  }

  synchronized void allowMore(long steps) {
    allowedSteps += steps;
    notifyAll();
  }

  synchronized void limitQueue(int limit) {
    queueLimit = limit;
  }

  /** Tells of so many that wait. */
  synchronized void tellWaiting(int generations) {
    waiting = generations;
  }

  synchronized void failNextStep(EngineFailure fault) {
    nextStepFails = fault;
  }

  synchronized void loseEngine(String why) {
    failure = why;
  }

  synchronized void silenceRank() {
    rankAnswers = false;
  }

  synchronized int running() {
    return running.size();
  }

  synchronized List<GenerationRequest> submitted() {
    return List.copyOf(submitted);
  }

  @Override
  public List<EngineStep> steps(int last) {
    return List.of();
  }

  @Override
  public synchronized EngineLoad load() {
    return new EngineLoad(running.size(), waiting, 0, 64, 0, 0, step, 0, 0, 0, 0, 0, 0);
  }

  @Override
  public synchronized EngineHealth health() {
    long second = rankAnswers ? step : 0;
    return new EngineHealth(
        failure,
        List.of(new RankHeartbeat(0, 0, step, 0, 0, 0), new RankHeartbeat(0, 1, second, 0, 0, 0)),
        List.of(),
        List.of(),
        List.of());
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
  }
}

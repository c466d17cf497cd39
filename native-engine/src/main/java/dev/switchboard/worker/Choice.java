package dev.switchboard.worker;

import dev.switchboard.openai.FinishReason;
import dev.switchboard.openai.ToolCallAnswer;
import dev.switchboard.scheduler.Engine.Generation;
import dev.switchboard.scheduler.GenerationListener;
import dev.switchboard.scheduler.GenerationListener.TokenEvent;
import dev.switchboard.scheduler.GenerationListener.TokenLogprobs;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.RequestTimeline;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One choice of a completion, where the engine thread and the event loop meet.
 *
 * <p>The engine thread only appends to a bounded queue and raises a signal. Everything else is the
 * event loop's. A choice ends twice: its text ends when no more will be shown (a stop string, or
 * the engine's end), the engine ends when nothing of it is computed any more.
 */
final class Choice implements Handover.Source {
  /** Tokens an event loop may be behind; a step brings one, so this is a stall of seconds. */
  private static final int QUEUE_TOKENS = 1024;

  /**
   * How the engine ended a generation.
   *
   * @param reason null when it failed
   * @param failure null when it did not
   */
  record EngineEnd(
      GenerationListener.@Nullable FinishReason reason,
      GenerationListener.@Nullable EngineFailure failure,
      RequestTimeline timeline) {}

  private final Completion completion;
  private final int index;
  private final PreparedRequest.Prompt prompt;
  private final TextAssembly assembly;
  private final GenerationListener listener;
  private final Handover.Signal signal;
  private final ServingMetrics.Sequence course;
  private final TokenQueue<TokenEvent> tokens = new TokenQueue<>(QUEUE_TOKENS);

  private volatile TokenLogprobs @Nullable [] promptScores;
  private volatile boolean overflowed;
  private volatile @Nullable EngineEnd published;

  private @Nullable Generation generation;
  private boolean started;
  private @Nullable FinishReason textEnd;
  private @Nullable EngineEnd engineEnd;
  private boolean cancelled;
  private boolean broken;
  private int generatedTokens;
  private int cachedTokens;
  private int calls;
  private @Nullable ToolCallAnswer lastCall;
  private boolean continued;

  /** What it took to go on with it, known with its first token here; 0 once it is told. */
  private int computedAgain;

  private boolean goesOn;
  private int[] unscored = new int[0];
  private int scored;
  private boolean diverged;
  private int[] untold = new int[8];
  private int untoldTokens;

  Choice(
      Completion completion,
      int index,
      PreparedRequest.Prompt prompt,
      TextAssembly assembly,
      Handover handover) {
    this.completion = completion;
    this.listener = new EngineSide(completion.attempt());
    this.index = index;
    this.prompt = prompt;
    this.assembly = assembly;
    this.signal = handover.signal(this);
    this.course = completion.course(prompt);
  }

  /** What the engine thread touches: it hands over and does nothing else. */
  private final class EngineSide implements GenerationListener {
    private final @Nullable AttemptId attempt;

    EngineSide(@Nullable AttemptId attempt) {
      this.attempt = attempt;
    }

    @Override
    public @Nullable AttemptId attempt() {
      return attempt;
    }

    @Override
    public @Nullable String traceId() {
      return completion.traceId();
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {
      promptScores = logprobs;
    }

    @Override
    public void token(TokenEvent token) {
      if (!tokens.offer(token)) {
        overflowed = true;
      }
      signal.raise();
    }

    @Override
    public void finished(GenerationListener.FinishReason reason, RequestTimeline timeline) {
      published = new EngineEnd(reason, null, timeline);
      signal.raise();
    }

    @Override
    public void failed(EngineFailure failure, RequestTimeline timeline) {
      published = new EngineEnd(null, failure, timeline);
      signal.raise();
    }
  }

  /** Where the engine reports to. */
  GenerationListener listener() {
    return listener;
  }

  void submitted(Generation handle) {
    generation = handle;
    cancelled |= textEnd != null;
    if (cancelled) {
      handle.cancel();
    }
  }

  /** Stops computing it; its end still arrives. */
  void cancel() {
    if (cancelled || engineEnd != null) {
      return;
    }
    cancelled = true;
    if (generation != null) {
      generation.cancel();
    }
  }

  @Override
  public Handover.Sink drain() {
    // The end is read first: tokens published before it are then all in the queue.
    EngineEnd end = published;
    TokenLogprobs[] scores = promptScores;
    try {
      take(scores);
      if (end != null && engineEnd == null && !broken) {
        endText(end);
      }
    } catch (RuntimeException | LinkageError | StackOverflowError thrown) {
      broke(thrown);
    }
    if (end != null && engineEnd == null) {
      finish(end);
    }
    return completion;
  }

  private void take(TokenLogprobs @Nullable [] scores) {
    if (!started && (scores != null || !completion.awaitsPromptScores())) {
      started = true;
      showPrompt(scores);
    }
    for (TokenEvent token = tokens.poll(); token != null; token = tokens.poll()) {
      if (!broken) {
        accept(token);
      }
    }
  }

  /** Nothing more of it can be shown; the engine's end still has to come. */
  private void broke(Throwable thrown) {
    if (!broken) {
      broken = true;
      completion.logBroken(thrown);
    }
  }

  /** Whether what came of it could not be taken. */
  boolean isBroken() {
    return broken;
  }

  private void accept(TokenEvent token) {
    if (!continued) {
      cachedTokens = token.cachedTokens();
    } else if (!goesOn) {
      goesOn = true;
      computedAgain = token.position() - token.reusedTokens();
    }
    if (textEnd != null) {
      return;
    }
    if (scored < unscored.length) {
      diverged |= token.token() != unscored[scored++];
      assembly.score(token.logprobs());
      return;
    }
    if (untoldTokens == untold.length) {
      untold = Arrays.copyOf(untold, 2 * untoldTokens);
    }
    untold[untoldTokens++] = token.token();
    course.token();
    if (take(token.token(), token.logprobs())) {
      course.end(ServingMetrics.End.STOP);
      cancel();
    }
  }

  /** Says whether the text ends with it. */
  private boolean take(int token, TokenLogprobs logprobs) {
    generatedTokens++;
    if (assembly.token(token, logprobs)) {
      assembly.finish();
      textEnd = FinishReason.STOP;
      return true;
    }
    return false;
  }

  /**
   * Takes what another worker generated of it. Its reader has what that comes to, so the caller
   * takes and drops it. Before the submission.
   *
   * <p>Where log-probabilities are wanted, those of tokens whose text is still held back (half a
   * character, the beginning of a stop string) were not sent: these tokens are generated again.
   *
   * @return the tokens that need not be generated again
   */
  int[] continues(AnswerSoFar.Choice soFar) {
    continued = true;
    cachedTokens = soFar.cachedTokens();
    if (soFar.promptTold()) {
      started = true;
      showPrompt(null);
    }
    for (int token : soFar.tokens()) {
      if (take(token, TokenLogprobs.NONE)) {
        break;
      }
    }
    if (soFar.ended() != null && textEnd == null) {
      assembly.finish();
      textEnd = soFar.ended();
    }
    int[] all = soFar.tokens();
    int scoredTokens = textEnd != null ? all.length : all.length - assembly.waitingTokens();
    unscored = Arrays.copyOfRange(all, scoredTokens, all.length);
    return Arrays.copyOf(all, scoredTokens);
  }

  /** Whether it did not go on as it had begun. */
  boolean diverged() {
    return diverged;
  }

  /** Generated tokens that no comment has told yet. */
  int untoldTokens() {
    return untoldTokens;
  }

  /** Tokens that another worker had computed and this one had to, said once; else 0. */
  int takeComputedAgain() {
    int tokens = computedAgain;
    computedAgain = 0;
    return tokens;
  }

  /** Writes them and forgets them. */
  void tellTokens(StringBuilder text) {
    for (int i = 0; i < untoldTokens; i++) {
      text.append(i == 0 ? "" : ",").append(untold[i]);
    }
    untoldTokens = 0;
  }

  private void finish(EngineEnd end) {
    engineEnd = end;
    RequestTimeline.Phase prefill = end.timeline().prefill();
    if (!continued && prefill != null) {
      // Where its first token ended it no token said so.
      cachedTokens = prefill.cachedTokens();
    }
    course.end(broken || end.failure() != null ? ServingMetrics.End.ERROR : courseEnd());
  }

  private void endText(EngineEnd end) {
    if (textEnd == null && end.reason() != null) {
      assembly.finish();
      textEnd =
          switch (end.reason()) {
            case STOP -> FinishReason.STOP;
            case LENGTH, CUT -> FinishReason.LENGTH;
            case CANCELLED -> null;
          };
    }
  }

  private ServingMetrics.End courseEnd() {
    return switch (textEnd) {
      case null -> ServingMetrics.End.ABORT;
      case LENGTH -> ServingMetrics.End.LENGTH;
      case STOP, TOOL_CALLS, CONTENT_FILTER -> ServingMetrics.End.STOP;
    };
  }

  private void showPrompt(TokenLogprobs @Nullable [] scores) {
    String text = prompt.text();
    if (text != null) {
      assembly.echo(text, scores == null ? List.of() : placePrompt(text, scores));
    }
  }

  /** Prompt tokens with their places; those the caller did not write are left out. */
  private List<TextAssembly.PlacedToken> placePrompt(String text, TokenLogprobs[] scores) {
    List<TextAssembly.PlacedToken> placed = new ArrayList<>(prompt.tokens().length);
    int added = prompt.addedTokens();
    int[] offsets = new EchoedPrompt(completion.tokenizer(), text).offsets(prompt.tokens(), added);
    for (int i = added; i < prompt.tokens().length; i++) {
      TokenLogprobs score =
          i == 0
              ? new TokenLogprobs(prompt.tokens()[i], Float.NaN, new int[0], new float[0])
              : scores[i - 1];
      placed.add(new TextAssembly.PlacedToken(score, offsets[i - added]));
    }
    return placed;
  }

  int index() {
    return index;
  }

  TextAssembly assembly() {
    return assembly;
  }

  /** Why its text ended; null while more may come. */
  @Nullable FinishReason textEnd() {
    return textEnd;
  }

  /** Whether its tokens ran out before it was what the request demands, or inside a call. */
  boolean ranOut() {
    EngineEnd end = engineEnd;
    boolean cut = end != null && end.reason() == GenerationListener.FinishReason.CUT;
    return textEnd == FinishReason.LENGTH && (cut || assembly.isUnfinished());
  }

  @Nullable EngineEnd engineEnd() {
    return engineEnd;
  }

  /** Whether the event loop was so far behind that tokens were lost. */
  boolean overflowed() {
    return overflowed;
  }

  /** The index of the next call that is told. */
  int nextCall() {
    return calls++;
  }

  /** The call that was told last. */
  @Nullable ToolCallAnswer lastCall() {
    return lastCall;
  }

  void told(ToolCallAnswer call) {
    lastCall = call;
  }

  int generatedTokens() {
    return generatedTokens;
  }

  int cachedTokens() {
    return cachedTokens;
  }
}

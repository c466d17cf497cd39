package dev.switchboard.scheduler;

import dev.switchboard.constraint.Matcher;
import dev.switchboard.scheduler.GenerationListener.FinishReason;
import dev.switchboard.scheduler.GenerationListener.TokenLogprobs;
import dev.switchboard.timeline.EpochClock;
import java.util.Arrays;
import java.util.Comparator;
import org.jspecify.annotations.Nullable;

/**
 * One generation inside the scheduler. Everything but {@link #requestCancel} belongs to the engine
 * thread.
 *
 * <p>Of its {@code length()} tokens the first {@code known} have ids; the rest are being sampled by
 * steps in flight. The first {@code computed} are computed, or will be once the steps in flight
 * return; the first {@code confirmed} are.
 *
 * <pre>
 *   WAITING ──admit──▶ RUNNING ──preempt──▶ PREEMPTING ──steps returned──▶ WAITING
 *      │                  │                     │
 *      └──────────────────┴──────end────────────┴──▶ ENDED (holds KV until its steps returned)
 * </pre>
 */
final class Sequence {
  private static final Comparator<Sequence> PRIORITY =
      Comparator.comparingInt(s -> -s.request.priority());

  /** First by priority, then by arrival. */
  static final Comparator<Sequence> ORDER = PRIORITY.thenComparingLong(s -> s.order);

  /**
   * Of those that wait: first by priority; then those that go on with an answer, begun here or
   * elsewhere, whose reader waits in the middle of it; then by arrival. None generates meanwhile.
   */
  static final Comparator<Sequence> QUEUE_ORDER =
      PRIORITY
          .thenComparingInt(s -> s.known > s.promptLength ? 0 : 1)
          .thenComparingLong(s -> s.order);

  /** Where it is; see the class's picture. */
  enum State {
    WAITING,
    RUNNING,
    PREEMPTING,
    ENDED
  }

  final GenerationRequest request;
  final GenerationListener listener;
  final TimelineBuilder timeline;
  final long order;
  final int promptLength;
  final int wantedLength;

  /** Monotonic; {@link Long#MAX_VALUE} for none. */
  final long deadlineNanos;

  final TokenLogprobs[] promptLogprobs;

  /** A few; looking one up in the request's set would make an object of each token. */
  private final int[] stopTokens;

  /** Where the answer stands in its constraint; null without one. */
  final @Nullable Matcher matcher;

  State state = State.WAITING;
  int[] tokens;
  int known;
  int pending;
  int computed;
  int confirmed;
  int inFlight;
  int row = -1;
  int[] blocks = new int[8];
  int blockCount;
  int publishedBlocks;
  long chainHigh;
  long chainLow;
  int scored;
  int cachedTokens;
  int reusedTokens;
  long lastPlannedStep;
  private int maskTurn;

  /** The mask of a step in flight is being found: until then no step is planned after that one. */
  boolean isFindingMask;

  private volatile boolean cancelRequested;

  /**
   * @param order arrival; unique
   * @param nowNanos monotonic time it was queued
   */
  Sequence(
      GenerationRequest request,
      GenerationListener listener,
      long order,
      EpochClock clock,
      long nowNanos) {
    this(request, request.matcher(), listener, order, clock, nowNanos);
  }

  /**
   * @param matcher stands behind what is generated already
   */
  Sequence(
      GenerationRequest request,
      @Nullable Matcher matcher,
      GenerationListener listener,
      long order,
      EpochClock clock,
      long nowNanos) {
    this.request = request;
    this.matcher = matcher;
    this.listener = listener;
    this.order = order;
    timeline = new TimelineBuilder(request, listener.attempt(), clock, nowNanos);
    long deadline = request.deadlineNanos();
    deadlineNanos = deadline == Long.MAX_VALUE ? deadline : deadline - clock.toEpoch(0);
    promptLength = request.prompt().length;
    wantedLength = promptLength + request.maxTokens();
    int[] generated = request.generated();
    known = promptLength + generated.length;
    tokens = Arrays.copyOf(request.prompt(), Math.min(known + 64, wantedLength));
    System.arraycopy(generated, 0, tokens, promptLength, generated.length);
    stopTokens = request.stopTokens().stream().mapToInt(Integer::intValue).toArray();
    promptLogprobs = new TokenLogprobs[request.promptLogprobs() ? promptLength - 1 : 0];
  }

  /** Any thread: no step planned from now on computes it. */
  void requestCancel() {
    cancelRequested = true;
  }

  boolean isCancelRequested() {
    return cancelRequested;
  }

  boolean isLive() {
    return state == State.RUNNING || state == State.PREEMPTING;
  }

  /** Tokens with an id and those being sampled. */
  int length() {
    return known + pending;
  }

  /** Tokens that still have to be computed; the last wanted token never has. */
  int remaining() {
    return Math.min(length(), wantedLength - 1) - computed;
  }

  /** Nothing but its latest token is left to compute. */
  boolean isDecoding() {
    return computed >= promptLength && length() - computed <= 1;
  }

  boolean isScoringPrompt() {
    return scored < promptLogprobs.length;
  }

  /** Whether computing up to end samples its next token. */
  boolean samplesAt(int end) {
    return end == length() && end < wantedLength;
  }

  boolean stopsAt(int token) {
    for (int stop : stopTokens) {
      if (stop == token) {
        return true;
      }
    }
    return false;
  }

  /** The slot for its next mask: it samples in at most two steps at once, so two take turns. */
  int nextMaskSlot() {
    maskTurn ^= 1;
    return 2 * row + maskTurn;
  }

  /** Whether what was generated elsewhere is already all of it. */
  boolean isWholeFromTheStart() {
    return generated() > 0 && (known == wantedLength || (matcher != null && matcher.isFinished()));
  }

  /** How it ends for having all the tokens it may have. */
  FinishReason lengthReached() {
    return matcher == null || matcher.isComplete() ? FinishReason.LENGTH : FinishReason.CUT;
  }

  int generated() {
    return known - promptLength;
  }

  void append(int token) {
    if (known == tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.min(wantedLength, known * 2));
    }
    tokens[known++] = token;
  }

  void addBlock(int block) {
    if (blockCount == blocks.length) {
      blocks = Arrays.copyOf(blocks, blockCount * 2);
    }
    blocks[blockCount++] = block;
  }
}

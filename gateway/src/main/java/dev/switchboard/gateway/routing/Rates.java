package dev.switchboard.gateway.routing;

/**
 * What was learned of one replica's speed: an immutable copy that predicts.
 *
 * <p>The time to the first token is a fixed overhead plus a time for each prompt token that has to
 * be computed, its own and those before it, plus a time for each request that runs or waits there.
 * The time per token is a fixed step plus a time for each request of the batch, plus what prompts
 * that are computed in between cost. Both are multiplied by how much slower than that the replica
 * has been of late. What was learned of late is believed less the older it is, since a replica that
 * is avoided for its slowness gives no news of its recovery.
 *
 * @param overheadMs of any first token
 * @param promptTokenMs for each prompt token to compute
 * @param runningMs added to a first token by each request that runs
 * @param waitingMs added to a first token by each request that waits before it
 * @param stepMs of a token when it is alone
 * @param batchMs added to a token by each request that runs
 * @param mixMs added to a token by each prompt token that is computed in between
 * @param mixTokens prompt tokens computed for each token, of late
 * @param ttftSlowdown logarithm of actual over computed, of late; likewise {@code tpotSlowdown}
 * @param ttftSpread logarithm of the ratio below which nine of ten stay; likewise {@code
 *     tpotSpread}
 * @param answerTokens of an answer, of late
 * @param atNanos when it was last learned from; 0 for never
 * @param samples first tokens it was learned from
 */
public record Rates(
    double overheadMs,
    double promptTokenMs,
    double runningMs,
    double waitingMs,
    double stepMs,
    double batchMs,
    double mixMs,
    double mixTokens,
    double ttftSlowdown,
    double tpotSlowdown,
    double ttftSpread,
    double tpotSpread,
    double answerTokens,
    long atNanos,
    long samples) {

  /** Before anything is known of any replica of a model. */
  public static final Rates UNKNOWN =
      new Rates(10, 0.2, 0.5, 2, 15, 0.5, 0.1, 0, 0, 0, 0.5, 0.3, 256, 0, 0);

  private static final double LONG_ANSWER = Math.log(10);
  private static final double LIKELY_ANSWER = Math.log(5);

  /** So many first tokens, and what they taught is no accident. */
  private static final int ENOUGH = 16;

  private static final double BELIEVED_NANOS = 8e9;

  /** After this long the belief in a slowdown has halved. */
  private static final double FORGET_HALF_NANOS = 8e9;

  /**
   * What a request can expect.
   *
   * @param load without the request itself
   * @param tokens of its prompt that have to be computed
   * @param outputTokens of its answer at most
   * @param overdueMs by how much the oldest request there that has no token yet exceeds what was
   *     expected of it: whoever comes now waits at least as long
   */
  public Prediction predict(
      Load load, double tokens, int outputTokens, double overdueMs, long nowNanos) {
    double belief = belief(nowNanos);
    double ttft = ttftMs(load, tokens) * Math.exp(ttftSlowdown * belief) + overdueMs;
    double tpot = tpotMs(load.running() + 1, mixTokens) * Math.exp(tpotSlowdown * belief);
    return new Prediction(
        ttft,
        ttft * Math.exp(ttftSpread),
        tpot,
        tpot * Math.exp(tpotSpread),
        Math.min(outputTokens, answerTokens));
  }

  /**
   * Whether a request may be refused, or sent to another model, for what this predicts. Before
   * anything is learned it is a guess, which only orders replicas; and what few requests taught
   * counts for some seconds, since what is refused for it brings no other news.
   */
  boolean believed(long nowNanos) {
    boolean fresh = atNanos == 0 || nowNanos - atNanos < BELIEVED_NANOS;
    return samples >= ENOUGH || (samples > 0 && fresh);
  }

  /**
   * Tokens of an answer as nine of ten stay below, if lengths scatter as those of independent stops
   * do: exponentially.
   *
   * @param most that it may have
   */
  double longAnswer(int most) {
    return Math.min(most, LONG_ANSWER * answerTokens);
  }

  /**
   * The same as four of five stay below. Places that are held back for longer answers cost more
   * than the deadlines that they save.
   */
  double likelyAnswer(int most) {
    return Math.min(most, LIKELY_ANSWER * answerTokens);
  }

  /**
   * Time per token while no prompt is computed in between.
   *
   * @param running requests of the batch
   */
  public double undisturbedTokenMs(double running, long nowNanos) {
    return tpotMs(running, 0) * Math.exp(tpotSlowdown * belief(nowNanos));
  }

  /**
   * Whether a request that is alone there gets its tokens at such a pace as often as not, while no
   * prompt is computed in between: whether to let nobody in beside it may help it.
   *
   * @param tpotMs its time per token
   */
  boolean couldKeep(double tpotMs, long nowNanos) {
    return undisturbedTokenMs(1, nowNanos) <= tpotMs;
  }

  /**
   * The time per token that two of three stay below, with as many prompts in between as of late.
   *
   * @param others that run beside it
   */
  double likelyTpotMs(double others, long nowNanos) {
    return predict(new Load(0, 0, others), 0, 1, 0, nowNanos).likelyTpotMs();
  }

  /**
   * The shortest times that it could promise: those of a request that it had for itself, as two of
   * three stay below.
   *
   * @param promptTokens of the request
   */
  LatencyTarget alone(double promptTokens, long nowNanos) {
    Prediction alone = predict(Load.NONE, promptTokens, 1, 0, nowNanos);
    return new LatencyTarget(alone.likelyTtftMs(), alone.likelyTpotMs());
  }

  /** What those that wait there add to a first token. */
  double backlogMs(Load load, long nowNanos) {
    double computed = promptTokenMs * load.waitingTokens() + waitingMs * load.waiting();
    return computed * Math.exp(ttftSlowdown * belief(nowNanos));
  }

  /**
   * How long until those that run have ended for all that wait and one more, where each needs the
   * room of one that ends.
   */
  double roomMs(Load load, long nowNanos) {
    double tokenMs = tpotMs(load.running(), mixTokens) * Math.exp(tpotSlowdown * belief(nowNanos));
    return load.running() < 1 ? 0 : (load.waiting() + 1) * answerTokens * tokenMs / load.running();
  }

  /** What a prompt adds to the first tokens of those behind it. */
  double promptMs(double tokens, long nowNanos) {
    return promptTokenMs * tokens * Math.exp(ttftSlowdown * belief(nowNanos));
  }

  /** What one more place in the batch adds to each token there. */
  double placeMs(long nowNanos) {
    return batchMs * Math.exp(tpotSlowdown * belief(nowNanos));
  }

  /** Without the slowdown. */
  double ttftMs(Load load, double tokens) {
    return overheadMs
        + promptTokenMs * (tokens + load.waitingTokens())
        + runningMs * load.running()
        + waitingMs * load.waiting();
  }

  /**
   * Without the slowdown.
   *
   * @param running requests of the batch, itself included
   */
  double tpotMs(double running, double mixed) {
    return stepMs + batchMs * running + mixMs * mixed;
  }

  /** 1 for news, less for what is old. */
  double belief(long nowNanos) {
    return atNanos == 0 ? 1 : Math.exp(-Math.max(0, nowNanos - atNanos) / FORGET_HALF_NANOS * 0.7);
  }
}

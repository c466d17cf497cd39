package dev.switchboard.gateway.routing;

/**
 * Learns the speed of one replica from what it does; no profile, no configuration.
 *
 * <p>What a request costs as a function of tokens and load is learned from all replicas of the
 * model at once ({@link SharedCostModel}); of the replica itself only how much slower it is than
 * that ({@link Factor}). Not thread-safe; {@link #rates} gives an immutable copy.
 */
final class Predictor {
  private static final double LEAST_MS = 0.05;

  private final SharedCostModel peers;
  private final SharedCostModel.Member own;

  Predictor(SharedCostModel peers) {
    this.peers = peers;
    this.own = peers.join();
  }

  /** What is known now. */
  Rates rates() {
    return own.rates();
  }

  /** How sure that is. */
  PredictionError doubt() {
    return own.doubt();
  }

  /** What is known of replicas of its model in general. */
  Rates usual() {
    return peers.usual();
  }

  /** Another process took its place. */
  void renew() {
    own.renew();
  }

  /**
   * A first token came.
   *
   * @param load when the request was sent, without it
   * @param tokens of its prompt that had to be computed
   * @param predictedMs as told then, but for what was learned of the replica's slowdown since
   */
  void firstToken(Load load, double tokens, double predictedMs, double actualMs, long nowNanos) {
    own.firstToken(load, tokens, least(predictedMs), least(actualMs), nowNanos);
  }

  /**
   * Tokens came.
   *
   * @param running mean number of requests in the batch while they did, this one included
   * @param mixed prompt tokens that were computed in between, for each token
   * @param predictedMs for each token, as told when the request was sent, but for what was learned
   *     of the replica's slowdown since
   * @param actualMs for each token
   */
  void tokens(double running, double mixed, double predictedMs, double actualMs, long nowNanos) {
    own.tokens(running, mixed, least(predictedMs), least(actualMs), nowNanos);
  }

  private static double least(double millis) {
    return Math.max(LEAST_MS, millis);
  }

  /** An answer ended with so many tokens; told with the next sample. */
  void answered(int tokens) {
    peers.answered(tokens);
  }
}

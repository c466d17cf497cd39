package dev.switchboard.gateway.admission;

/** How many requests a replica takes: in all, and of streams that have no token yet. */
final class ReplicaLimits {
  /** From such a part of a limit on it is what holds requests back. */
  static final double NEARLY = 0.9;

  private ConcurrencyLimit requests;
  private ConcurrencyLimit firstTokens;

  ReplicaLimits(AdmissionConfig config) {
    this.requests = requests(config);
    this.firstTokens = firstTokens(config);
  }

  void learnAnew(AdmissionConfig config) {
    requests = requests(config);
    firstTokens = firstTokens(config);
  }

  private static ConcurrencyLimit requests(AdmissionConfig config) {
    return new ConcurrencyLimit(config.replicaConcurrency(), config.replicaQueueNanos());
  }

  private static ConcurrencyLimit firstTokens(AdmissionConfig config) {
    return config.replicaConcurrency() > 0
        ? new ConcurrencyLimit(Integer.MAX_VALUE, config.replicaQueueNanos())
        : ConcurrencyLimit.ofFirstTokens(config.replicaQueueNanos());
  }

  ConcurrencyLimit requests() {
    return requests;
  }

  ConcurrencyLimit firstTokens() {
    return firstTokens;
  }

  /**
   * A first token came.
   *
   * @param tight it took nearly all the time that its request had
   * @param unanswered requests without a token, it among them
   * @param running requests there
   * @param wanted whether others want a place
   */
  void firstToken(
      long promptTokens,
      long nanos,
      long now,
      boolean tight,
      int unanswered,
      int running,
      boolean wanted) {
    boolean pressed = unanswered >= NEARLY * firstTokens.limit();
    firstTokens.firstToken(promptTokens, nanos, now, tight, pressed);
    requests.served(wanted && running >= NEARLY * requests.limit());
  }
}

package dev.switchboard.gateway.routing;

/**
 * Learns the speed of one replica from what it does; no profile, no configuration.
 *
 * <p>Two time scales: a {@link Regression} over some fifty samples knows how time depends on tokens
 * and on load, a {@link Drift} over a handful knows how the replica is doing right now. A sample
 * that is off by more than a factor of three is taken as three, so that an outlier cannot bend the
 * regression; when it was no outlier the drift carries the rest until the regression has followed.
 *
 * <p>A replica that nothing is known of begins as its {@link Peers} are. Not thread-safe; {@link
 * #rates} gives an immutable copy.
 */
final class Predictor {
  /** From then on it tells its peers. */
  private static final int EXPERIENCED = 16;

  private static final double MOST_RATIO = 3;
  private static final double MOST_UNIT = 64;
  private static final double LEAST_MS = 0.05;
  private static final double ANSWER_GAIN = 0.1;
  private static final double MIX_GAIN = 0.1;

  private final Peers peers;
  private final double[] ttftFeatures = new double[4];
  private final double[] tpotFeatures = new double[3];
  private final Regression ttft = new Regression(2, 0.05, 0.25, 1);
  private final Regression tpot = new Regression(3, 0.2, 0.05);
  private final Drift ttftDrift;
  private final Drift tpotDrift;
  private double mixTokens;
  private double answerTokens;
  private long samples;
  private long tpotSamples;
  private boolean promptsOnly;
  private long atNanos;
  private Rates rates;

  Predictor(Peers peers) {
    this.peers = peers;
    this.rates = peers.usual();
    this.answerTokens = rates.answerTokens();
    this.ttftDrift = new Drift(rates.ttftSpread());
    this.tpotDrift = new Drift(rates.tpotSpread());
  }

  /** What is known now; of a replica without any experience what is usual among its peers. */
  Rates rates() {
    return samples + tpotSamples == 0 ? peers.usual() : rates;
  }

  /**
   * A first token came.
   *
   * @param load when the request was sent, without it
   * @param tokens of its prompt that had to be computed
   * @param predictedMs as told then
   */
  void firstToken(Load load, double tokens, double predictedMs, double actualMs, long nowNanos) {
    Rates before = rates();
    double actual = Math.max(LEAST_MS, actualMs);
    double computed = Math.max(LEAST_MS, before.ttftMs(load, tokens));
    if (samples == 0) {
      double unit = unit(actual, computed);
      computed *= unit;
      ttftPrior(unit, before);
      if (tpotSamples == 0) {
        tpotPrior(1, before);
      }
    }
    double belief = before.belief(nowNanos);
    ttftFeatures[0] = 1;
    ttftFeatures[1] = tokens + load.waitingTokens();
    ttftFeatures[2] = load.running();
    ttftFeatures[3] = load.waiting();
    add(ttft, ttftFeatures, actual, computed * Math.exp(before.ttftSlowdown() * belief));
    ttftDrift.observe(actual, computed, Math.max(LEAST_MS, predictedMs), belief);
    samples++;
    learned(nowNanos);
  }

  /**
   * Tokens came.
   *
   * @param running mean number of requests in the batch while they did, this one included
   * @param mixed prompt tokens that were computed in between, for each token
   * @param predictedMs for each token, as told when the request was sent
   * @param actualMs for each token
   */
  void tokens(double running, double mixed, double predictedMs, double actualMs, long nowNanos) {
    Rates before = rates();
    double actual = Math.max(LEAST_MS, actualMs);
    double computed = Math.max(LEAST_MS, before.tpotMs(running, mixed));
    if (tpotSamples == 0) {
      double unit = unit(actual, computed);
      computed *= unit;
      tpotPrior(unit, before);
      if (samples == 0) {
        ttftPrior(1, before);
      }
    }
    double belief = before.belief(nowNanos);
    tpotFeatures[0] = 1;
    tpotFeatures[1] = running;
    tpotFeatures[2] = mixed;
    add(tpot, tpotFeatures, actual, computed * Math.exp(before.tpotSlowdown() * belief));
    tpotDrift.observe(actual, computed, Math.max(LEAST_MS, predictedMs), belief);
    mixTokens += MIX_GAIN * (mixed - mixTokens);
    tpotSamples++;
    learned(nowNanos);
  }

  /** An answer ended with so many tokens; told with the next sample. */
  void answered(int tokens) {
    answerTokens += ANSWER_GAIN * (tokens - answerTokens);
  }

  /**
   * What kind of request ends, before its times are told: of a replica of which none decodes, what
   * prompts take is all that there is to know.
   */
  void decodes(boolean some) {
    promptsOnly = !some && (samples == 0 || promptsOnly);
  }

  /** The very first sample of a model says in which range its times lie. */
  private double unit(double actual, double computed) {
    return peers.usual().samples() == 0
        ? Math.clamp(actual / computed, 1 / MOST_UNIT, MOST_UNIT)
        : 1;
  }

  private void ttftPrior(double unit, Rates usual) {
    ttft.prior(
        unit, usual.overheadMs(), usual.promptTokenMs(), usual.runningMs(), usual.waitingMs());
  }

  private void tpotPrior(double unit, Rates usual) {
    tpot.prior(unit, usual.stepMs(), usual.batchMs(), usual.mixMs());
  }

  private static void add(Regression regression, double[] features, double actual, double near) {
    double clipped = Math.clamp(actual, near / MOST_RATIO, near * MOST_RATIO);
    regression.add(features, clipped, Math.sqrt(near * clipped));
  }

  private void learned(long nowNanos) {
    atNanos = nowNanos;
    rates =
        new Rates(
            ttft.coefficient(0),
            ttft.coefficient(1),
            ttft.coefficient(2),
            ttft.coefficient(3),
            tpot.coefficient(0),
            tpot.coefficient(1),
            tpot.coefficient(2),
            mixTokens,
            ttftDrift.slowdown(),
            tpotDrift.slowdown(),
            ttftDrift.spread(),
            tpotDrift.spread(),
            answerTokens,
            atNanos,
            samples);
    long tokenSamples = promptsOnly ? samples : tpotSamples;
    boolean experienced = samples >= EXPERIENCED && tokenSamples >= EXPERIENCED;
    boolean first = samples > 0 && tokenSamples > 0 && peers.usual().samples() == 0;
    if (experienced || first) {
      peers.learned(rates);
    }
  }
}

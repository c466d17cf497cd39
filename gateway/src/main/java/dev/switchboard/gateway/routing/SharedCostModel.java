package dev.switchboard.gateway.routing;

/**
 * What replicas of one model have in common: one model of cost, learned from the requests of all.
 * Safe on any thread.
 */
public final class SharedCostModel {
  private static final double ANSWER_GAIN = 0.1;
  private static final double MIX_GAIN = 0.05;
  private static final Rates GUESS = Rates.UNKNOWN;

  private static final int PROMPT_TOKEN = 1;
  private static final int BATCH = 1;

  private final double[] ttftFeatures = new double[4];
  private final double[] tpotFeatures = new double[3];
  private final PooledTime ttft =
      new PooledTime(
          new double[] {2, 0.05, 0.25, 1},
          new double[] {
            GUESS.overheadMs(), GUESS.promptTokenMs(), GUESS.runningMs(), GUESS.waitingMs()
          },
          GUESS.ttftSpread());
  private final PooledTime tpot =
      new PooledTime(
          new double[] {3, 0.2, 0.05},
          new double[] {GUESS.stepMs(), GUESS.batchMs(), GUESS.mixMs()},
          GUESS.tpotSpread());
  private double mixTokens = GUESS.mixTokens();
  private double answerTokens = GUESS.answerTokens();
  private long version;
  private Rates usual = GUESS;

  /** One replica's place among them. */
  final class Member {
    private final ReplicaTime ttftHere;
    private final ReplicaTime tpotHere;
    private long atNanos;
    private long samples;
    private long builtVersion = -1;
    private Rates rates = GUESS;

    private Member() {
      synchronized (SharedCostModel.this) {
        ttftHere = new ReplicaTime(ttft);
        tpotHere = new ReplicaTime(tpot);
      }
    }

    /** It is another one from now on, of which nothing is known but what its peers are. */
    void renew() {
      synchronized (SharedCostModel.this) {
        ttftHere.renew();
        tpotHere.renew();
        atNanos = 0;
        samples = 0;
        builtVersion = -1;
      }
    }

    /** See {@link Predictor#firstToken}. */
    void firstToken(Load load, double tokens, double predictedMs, double actualMs, long nowNanos) {
      synchronized (SharedCostModel.this) {
        ttftFeatures[0] = 1;
        ttftFeatures[1] = tokens + load.waitingTokens();
        ttftFeatures[2] = load.running();
        ttftFeatures[3] = load.waiting();
        ttftHere.learn(ttftFeatures, actualMs, predictedMs);
        learned(nowNanos);
      }
    }

    /** See {@link Predictor#tokens}. */
    void tokens(double running, double mixed, double predictedMs, double actualMs, long nowNanos) {
      synchronized (SharedCostModel.this) {
        tpotFeatures[0] = 1;
        tpotFeatures[1] = running;
        tpotFeatures[2] = mixed;
        tpotHere.learn(tpotFeatures, actualMs, predictedMs);
        mixTokens += MIX_GAIN * (mixed - mixTokens);
        learned(nowNanos);
      }
    }

    private void learned(long nowNanos) {
      atNanos = nowNanos;
      samples++;
      version++;
      usual = SharedCostModel.this.rates(new ReplicaTime(ttft), new ReplicaTime(tpot), 0);
    }

    /** How sure that is. */
    PredictionError doubt() {
      synchronized (SharedCostModel.this) {
        return new PredictionError(
            ttftHere.alone(),
            tpotHere.alone(),
            ttftHere.slowdownError(),
            tpotHere.slowdownError(),
            ttftHere.error(PROMPT_TOKEN),
            tpotHere.error(BATCH));
      }
    }

    /** What is known now. */
    Rates rates() {
      synchronized (SharedCostModel.this) {
        if (samples == 0) {
          return usual;
        }
        if (builtVersion != version) {
          builtVersion = version;
          rates = SharedCostModel.this.rates(ttftHere, tpotHere, atNanos);
        }
        return rates;
      }
    }
  }

  /** Another replica of the model. */
  Member join() {
    return new Member();
  }

  /** Of a replica that nothing else is known of. */
  synchronized Rates usual() {
    return usual;
  }

  /** An answer ended with so many tokens; told with the next sample. */
  synchronized void answered(int tokens) {
    answerTokens += ANSWER_GAIN * (tokens - answerTokens);
  }

  private Rates rates(ReplicaTime first, ReplicaTime rest, long at) {
    return new Rates(
        first.coefficient(0),
        first.coefficient(1),
        first.coefficient(2),
        first.coefficient(3),
        rest.coefficient(0),
        rest.coefficient(1),
        rest.coefficient(2),
        mixTokens,
        first.slowdown(),
        rest.slowdown(),
        first.spread(),
        rest.spread(),
        answerTokens,
        at,
        ttft.samples());
  }
}

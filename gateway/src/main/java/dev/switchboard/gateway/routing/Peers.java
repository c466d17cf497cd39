package dev.switchboard.gateway.routing;

/**
 * What replicas of one model have in common: where a new one begins. A moving average over what the
 * experienced ones know. Safe on any thread.
 */
public final class Peers {
  private static final double GAIN = 0.05;

  private volatile Rates usual = Rates.UNKNOWN;

  Rates usual() {
    return usual;
  }

  /** An experienced replica has learned something, or the first one of all. */
  synchronized void learned(Rates rates) {
    Rates old = usual;
    double gain = Math.max(GAIN, 1.0 / (old.samples() + 1));
    usual =
        new Rates(
            mix(old.overheadMs(), rates.overheadMs(), gain),
            mix(old.promptTokenMs(), rates.promptTokenMs(), gain),
            mix(old.runningMs(), rates.runningMs(), gain),
            mix(old.waitingMs(), rates.waitingMs(), gain),
            mix(old.stepMs(), rates.stepMs(), gain),
            mix(old.batchMs(), rates.batchMs(), gain),
            mix(old.mixMs(), rates.mixMs(), gain),
            mix(old.mixTokens(), rates.mixTokens(), gain),
            0,
            0,
            mix(old.ttftSpread(), rates.ttftSpread(), gain),
            mix(old.tpotSpread(), rates.tpotSpread(), gain),
            mix(old.answerTokens(), rates.answerTokens(), gain),
            0,
            old.samples() + 1);
  }

  private static double mix(double old, double fresh, double gain) {
    return old + gain * (fresh - old);
  }
}

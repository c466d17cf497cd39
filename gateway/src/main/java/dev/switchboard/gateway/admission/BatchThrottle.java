package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.routing.LatencyTarget;

/**
 * Holds requests of the lowest band back where they would break what others are promised.
 *
 * <p>A free place says nothing of what it costs others to take it. A batch that begins just before
 * a person comes lets that one wait until its prompt is computed, and makes every step of those
 * that run longer. So a request of the lowest band begins only where a replica would keep, beside
 * it, what those who are there and whoever comes next are promised ({@link WaitPredictor#rooms}).
 * Who comes next is taken to want as much as anybody of the last one to two minutes did. Those that
 * have begun and are not routed yet take the room of a replica each.
 *
 * <p>What counts is a target as it was asked for, not what was left of it when the body came. One
 * that no replica could keep with a usual prompt, had it nothing else to do, is not remembered: it
 * would hide those that can be kept. A usual prompt is the geometric mean of those with a target,
 * which a few very long ones hardly move.
 *
 * <p>What it costs to ask is bounded: after a no nobody asks for a millisecond. Guarded by the
 * queue's lock.
 */
final class BatchThrottle {
  private static final long SPAN_NANOS = 60_000_000_000L;
  private static final long ASK_AGAIN_NANOS = 1_000_000;
  private static final double SHARE_OF_NEW = 0.05;

  private final WaitPredictor predictor;
  private LatencyTarget lately = LatencyTarget.NONE;
  private LatencyTarget before = LatencyTarget.NONE;
  private double promptLog = Double.NaN;
  private long sinceNanos;
  private long askNanos = Long.MIN_VALUE;
  private int unrouted;

  BatchThrottle(WaitPredictor predictor) {
    this.predictor = predictor;
  }

  /** A request comes, whatever becomes of it. One that yields to all others is promised nothing. */
  void offered(Demand demand, long nowNanos) {
    turn(nowNanos);
    if (demand.band() == Band.SHEDDABLE) {
      return;
    }
    if (demand.ttftMs() > 0) {
      double log = Math.log(demand.promptTokens());
      promptLog = Double.isNaN(promptLog) ? log : promptLog + SHARE_OF_NEW * (log - promptLog);
    }
    LatencyTarget wanted = wanted(demand);
    if (!lately.covers(wanted)) {
      lately = lately.and(wanted.within(predictor.alone(promptTokens(), nowNanos)));
    }
  }

  private static LatencyTarget wanted(Demand demand) {
    return new LatencyTarget(
        demand.ttftMs() > 0 ? demand.ttftMs() : Double.POSITIVE_INFINITY,
        demand.tpotMs() > 0 ? demand.tpotMs() : Double.POSITIVE_INFINITY);
  }

  /** Of a usual prompt, once one has come. */
  private double promptTokens() {
    return Double.isNaN(promptLog) ? 1 : Math.exp(promptLog);
  }

  private void turn(long nowNanos) {
    long passed = nowNanos - sinceNanos;
    if (passed >= SPAN_NANOS) {
      before = passed < 2 * SPAN_NANOS ? lately : LatencyTarget.NONE;
      lately = LatencyTarget.NONE;
      sinceNanos = nowNanos;
    }
  }

  /** A request has a place and goes to a replica next. */
  void begins(Demand demand) {
    unrouted += demand.band() == Band.SHEDDABLE ? 1 : 0;
  }

  /** It went there, or ended before. */
  void routed(Demand demand) {
    unrouted -= demand.band() == Band.SHEDDABLE ? 1 : 0;
  }

  /** Whether a request of the lowest band has to wait, be there a place or not. */
  boolean holds(long nowNanos) {
    if (nowNanos < askNanos) {
      return true;
    }
    turn(nowNanos);
    boolean holds = unrouted >= predictor.rooms(lately.and(before), promptTokens(), nowNanos);
    askNanos = holds ? nowNanos + ASK_AGAIN_NANOS : Long.MIN_VALUE;
    return holds;
  }
}

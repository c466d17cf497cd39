package dev.switchboard.gateway.admission;

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
 * <p>What it costs to ask is bounded: after a no nobody asks for a millisecond. Guarded by the
 * queue's lock.
 */
final class Pace {
  private static final long SPAN_NANOS = 60_000_000_000L;
  private static final long ASK_AGAIN_NANOS = 1_000_000;

  private final WaitPredictor predictor;
  private Promise lately = Promise.NONE;
  private Promise before = Promise.NONE;
  private long sinceNanos;
  private long askNanos = Long.MIN_VALUE;
  private int unrouted;

  Pace(WaitPredictor predictor) {
    this.predictor = predictor;
  }

  /** A request comes, whatever becomes of it. */
  void offered(Demand demand, long nowNanos) {
    turn(nowNanos);
    lately = lately.and(Promise.to(demand, nowNanos));
  }

  private void turn(long nowNanos) {
    long passed = nowNanos - sinceNanos;
    if (passed >= SPAN_NANOS) {
      before = passed < 2 * SPAN_NANOS ? lately : Promise.NONE;
      lately = Promise.NONE;
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
    Promise promise = lately.and(before);
    boolean holds = unrouted >= predictor.rooms(promise.ttftMs(), promise.tpotMs(), nowNanos);
    askNanos = holds ? nowNanos + ASK_AGAIN_NANOS : Long.MIN_VALUE;
    return holds;
  }
}

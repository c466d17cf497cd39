package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.flight.NanoClock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Replicas that the configuration no longer has, on their way out: emptied, stopped, gone.
 *
 * <p>One that serves goes on serving until the model has as many others ready as it should, so that
 * a server which is replaced by another one leaves no gap; but not for ever, since the other one
 * may never come. Where the model itself leaves, new requests are answered 404 already, and those
 * that were let in before, waiting ones and retries among them, are served first: the last replica
 * leaves when nobody has been inside for a moment, in which what is on its way to the queue comes
 * there.
 *
 * <p>What is to be done follows from the state alone, each time anew, so it goes on whatever an
 * operator, the prober or an exit do meanwhile. On the fleet's thread, under its lock.
 */
final class Departures {
  /** Longer than the way of a request from its parsing to its queue, by a shared limit even. */
  private static final long QUIET_NANOS = 500_000_000;

  private static final class Leave {
    final long sinceNanos;
    long insideNanos;

    Leave(long nowNanos) {
      sinceNanos = nowNanos;
      insideNanos = nowNanos;
    }
  }

  private final Fleet fleet;
  private final NanoClock clock;
  private final Map<Replica, Leave> leaving = new LinkedHashMap<>();

  Departures(Fleet fleet, NanoClock clock) {
    this.fleet = fleet;
    this.clock = clock;
  }

  void begin(Replica replica) {
    leaving.put(replica, new Leave(clock.epochNanos()));
  }

  void cancel(Replica replica) {
    leaving.remove(replica);
  }

  /** Does what is due. */
  void tick() {
    if (leaving.isEmpty()) {
      return;
    }
    long now = clock.epochNanos();
    for (Map.Entry<Replica, Leave> each : List.copyOf(leaving.entrySet())) {
      goOn(each.getKey(), each.getValue(), now);
    }
  }

  private void goOn(Replica replica, Leave leave, long now) {
    switch (replica.state()) {
      case READY -> {
        if (mayGo(replica, leave, now)) {
          fleet.empty(replica);
        }
      }
      case WARMING, STANDBY, CORDONED, EJECTED -> fleet.empty(replica);
      case DRAINING -> {}
      case STARTING, DRAINED, RESTARTING, FAILED -> fleet.stop(replica);
      case STOPPED -> {
        if (over(replica, now)) {
          leaving.remove(replica);
          fleet.gone(replica);
        }
      }
    }
  }

  private boolean mayGo(Replica replica, Leave leave, long now) {
    if (!fleet.serves(replica.model())) {
      leave.insideNanos = fleet.inside(replica.model()) ? now : leave.insideNanos;
      return now - leave.insideNanos >= QUIET_NANOS;
    }
    return fleet.enoughWithout(replica)
        || now - leave.sinceNanos >= fleet.config().restartLimitMs() * 1_000_000;
  }

  /** Nothing runs there any more, and what left it goes on elsewhere. */
  private boolean over(Replica replica, long now) {
    Drain drain = replica.drain();
    return replica.inFlight() == 0
        && !fleet.runs(replica)
        && (drain == null || drain.report(0, now).between() <= 0);
  }
}

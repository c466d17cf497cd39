package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.upstream.Circuit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What requests tell of the replicas that served them, and what follows from it: one that fails too
 * often, or is much slower than its peers, takes no requests for a while; and a drain learns how
 * its streams went on. On any thread; that no more than half of a model's replicas are out is
 * decided under the fleet's lock.
 */
public final class OutlierEjection {
  private static final Logger LOG = LoggerFactory.getLogger(OutlierEjection.class);

  private final Fleet fleet;

  /** When the log said of whom that it stays; under the fleet's lock. */
  private final Map<String, Long> denied = new HashMap<>();

  OutlierEjection(Fleet fleet) {
    this.fleet = fleet;
  }

  /**
   * A request was served.
   *
   * @param firstToken null where its time is not known
   */
  public void served(
      Replica.Ticket request, Circuit.@Nullable FirstToken firstToken, long nowNanos) {
    Replica replica = request.replica();
    boolean proves = replica.onProbation();
    replica.circuit().served(request.call(), firstToken, nowNanos);
    if (proves && !replica.onProbation()) {
      fleet.adjusted(replica);
    }
    if (firstToken != null) {
      ejectIfSlow(request.replica(), nowNanos);
    }
  }

  /** Another replica answered a request first, which this one had kept for so long. */
  public void outrun(Replica.Ticket request, Circuit.FirstToken atLeast, long nowNanos) {
    request.replica().circuit().late(request.call(), atLeast);
    ejectIfSlow(request.replica(), nowNanos);
  }

  private void ejectIfSlow(Replica replica, long nowNanos) {
    Circuit.FirstToken own = replica.circuit().latency();
    if (own != null && Circuit.slow(own, peers(replica), fleet.plan().circuit().latencyFactor())) {
      eject(replica, slowness(own), nowNanos);
    }
  }

  private static String slowness(Circuit.FirstToken own) {
    return "its first tokens take %d ms, and %d under its load elsewhere"
        .formatted(Math.round(own.ms()), Math.round(own.usualMs()));
  }

  private List<Circuit.FirstToken> peers(Replica replica) {
    List<Circuit.FirstToken> known = new ArrayList<>();
    for (Replica other : fleet.roster().of(replica.model())) {
      Circuit.FirstToken mean = other.circuit().latency();
      if (other != replica && other.state() == ReplicaState.READY && mean != null) {
        known.add(mean);
      }
    }
    return known;
  }

  /** A request failed through the replica's fault. */
  public void failed(Replica.Ticket request, String reason, long nowNanos) {
    if (request.replica().circuit().failed(request.call(), nowNanos)) {
      eject(request.replica(), "it failed too often, at last: " + reason, nowNanos);
    }
  }

  /** A request ended in a way that says nothing of its replica. */
  public void left(Replica.Ticket request) {
    request.replica().circuit().left(request.call());
  }

  /** The client of a stream that left a drained replica got more. */
  public void resumed(String from, long pauseNanos) {
    Drain drain = drain(from);
    if (drain != null) {
      drain.resumed(pauseNanos);
    }
  }

  /** A stream that left a drained replica broke, or its client left before anybody went on. */
  public void notResumed(String from, boolean clientLeft) {
    Drain drain = drain(from);
    if (drain != null && clientLeft) {
      drain.abandonedMeanwhile();
    } else if (drain != null) {
      drain.notResumed();
    }
  }

  private @Nullable Drain drain(String id) {
    Replica replica = fleet.find(id);
    return replica == null ? null : replica.drain();
  }

  private void eject(Replica replica, String why, long nowNanos) {
    synchronized (fleet) {
      if (ejectOneOfHalf(replica, why, nowNanos)) {
        replica.circuit().open(nowNanos, jitter(replica.id(), nowNanos));
      }
    }
  }

  /**
   * Takes one that is ready out; never so that more than half of a model's replicas do not serve,
   * for whatever reason: then it is not they who are to blame, or those that are left are needed.
   */
  boolean ejectOneOfHalf(Replica replica, String why, long nowNanos) {
    synchronized (fleet) {
      return mayBeEjected(replica, nowNanos)
          && replica.tryTransition(ReplicaState.READY, ReplicaState.EJECTED, why);
    }
  }

  private boolean mayBeEjected(Replica replica, long nowNanos) {
    int all = 0;
    int out = 0;
    for (Replica other : fleet.roster().of(replica.model())) {
      if (!other.leaving()) {
        all++;
        out += other == replica || other.serves() ? 0 : 1;
      }
    }
    // One that probes and is denied goes on with one request at a time.
    if (out + 1 > all / 2) {
      if (isNews(replica, nowNanos)) {
        LOG.warn("ejection_denied replica={} out={} of={}", replica.id(), out, all);
      }
      return false;
    }
    return true;
  }

  /** Who stays though it fails is asked for with each request and probe that fails. */
  private boolean isNews(Replica replica, long nowNanos) {
    denied.values().removeIf(at -> nowNanos - at >= HealthChecks.TELL_AGAIN_NANOS);
    return denied.putIfAbsent(replica.id(), nowNanos) == null;
  }

  /** Spreads what was ejected together; any number from 0 to 1 that differs will do. */
  private static double jitter(String id, long nowNanos) {
    long mixed = (id.hashCode() + nowNanos) * 0x9E3779B97F4A7C15L;
    return (mixed >>> 40) / (double) (1 << 24);
  }
}

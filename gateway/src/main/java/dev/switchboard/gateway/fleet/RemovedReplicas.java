package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.flight.NanoClock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Replicas that the configuration no longer has, on their way out: emptied, stopped, gone.
 *
 * <p>One that serves goes on serving until the model has as many others ready as it should, so that
 * a server which is replaced by another one leaves no gap. Where some other is ready it does not
 * wait for ever, since the rest may never come; the last one that is ready stays until another is,
 * and its reason says for whom it waits and why that one is not ready. Where the model itself
 * leaves, new requests are answered 404 already, and those that were let in before, waiting ones
 * and retries among them, are served first: the last replica leaves when nobody has been inside for
 * a moment, in which what is on its way to the queue comes there.
 *
 * <p>A pod that ends waits for nobody: its requests move while it still answers.
 *
 * <p>What is to be done follows from the state alone, each time anew, so it goes on whatever an
 * operator, the prober or an exit do meanwhile. On the fleet's thread, under its lock.
 */
final class RemovedReplicas {
  private static final Logger LOG = LoggerFactory.getLogger(RemovedReplicas.class);

  /** Longer than the way of a request from its parsing to its queue, by a shared limit even. */
  private static final long QUIET_NANOS = 500_000_000;

  private static final class Leave {
    final long sinceNanos;
    long insideNanos;

    /** Of one that ends whether others are ready or not. */
    DiscoveredServer.@Nullable Leave hurried;

    Leave(long nowNanos) {
      sinceNanos = nowNanos;
      insideNanos = nowNanos;
    }
  }

  private final Fleet fleet;
  private final NanoClock clock;
  private final Map<Replica, Leave> leaving = new LinkedHashMap<>();

  RemovedReplicas(Fleet fleet, NanoClock clock) {
    this.fleet = fleet;
    this.clock = clock;
  }

  /** The configuration does not have it any more. */
  void begin(Replica replica) {
    replica.leaving(true);
    leaving.put(replica, new Leave(clock.epochNanos()));
  }

  /** It ends soon, or has ended; the later word counts. */
  void hurry(Replica replica, DiscoveredServer.Leave how) {
    replica.leaving(true);
    Leave leave = leaving.computeIfAbsent(replica, one -> new Leave(clock.epochNanos()));
    Drain drain = replica.drain();
    if (how.graceMs() == 0 && drain != null && replica.state() == ReplicaState.DRAINING) {
      drain.hurry();
    }
    leave.hurried = how;
  }

  /** The configuration has it again, before it was stopped. */
  void cancel(Replica replica) {
    replica.leaving(false);
    leaving.remove(replica);
    ReplicaState state = replica.state();
    if (replica.order() == StandingOrder.SERVE
        && (state == ReplicaState.DRAINING || state == ReplicaState.DRAINED)) {
      replica.tryTransition(state, ReplicaState.WARMING, "configured again");
    }
  }

  /** Does what is due. */
  void tick() {
    if (leaving.isEmpty()) {
      return;
    }
    long now = clock.epochNanos();
    List<Replica> gone = new ArrayList<>();
    for (Map.Entry<Replica, Leave> each : List.copyOf(leaving.entrySet())) {
      goOn(each.getKey(), each.getValue(), now, gone);
    }
    if (!gone.isEmpty()) {
      gone.forEach(leaving::remove);
      fleet.gone(gone);
    }
  }

  private void goOn(Replica replica, Leave leave, long now, List<Replica> gone) {
    switch (replica.state()) {
      case READY -> {
        if (leave.hurried != null || mayGo(replica, leave, now)) {
          empty(replica, leave);
        }
      }
      case WARMING, STANDBY, CORDONED, EJECTED -> empty(replica, leave);
      case DRAINING -> {}
      case STARTING, DRAINED, RESTARTING, FAILED -> stop(replica);
      case STOPPED -> {
        if (over(replica, now)) {
          gone.add(replica);
        }
      }
    }
  }

  private boolean mayGo(Replica replica, Leave leave, long now) {
    if (!fleet.serves(replica.model())) {
      leave.insideNanos = fleet.inside(replica.model()) ? now : leave.insideNanos;
      return now - leave.insideNanos >= QUIET_NANOS;
    }
    if (enoughWithout(replica)) {
      return true;
    }
    boolean late = now - leave.sinceNanos >= fleet.config().restartLimitMs() * 1_000_000;
    if (late && othersReady(replica)) {
      return true;
    }
    waits(replica);
    return false;
  }

  private boolean othersReady(Replica leaving) {
    return fleet.roster().of(leaving.model()).stream()
        .anyMatch(each -> each != leaving && each.state() == ReplicaState.READY);
  }

  /** Says whom one waits for that is not configured any more. */
  private void waits(Replica replica) {
    String others =
        fleet.roster().of(replica.model()).stream()
            .filter(each -> !each.leaving() && each.state() != ReplicaState.READY)
            .map(each -> each.id() + " is " + each.state() + why(each))
            .collect(Collectors.joining("; "));
    String reason = "not configured any more, serves until its successors are ready: " + others;
    if (replica.stays(reason)) {
      LOG.info("replica_kept replica={} reason=\"{}\"", replica.id(), reason);
    }
  }

  private static String why(Replica replica) {
    String reason = replica.reason();
    return reason == null ? "" : " (" + reason + ")";
  }

  /** Nothing runs there any more, and what left it goes on elsewhere. */
  private boolean over(Replica replica, long now) {
    Drain drain = replica.drain();
    return replica.inFlight() == 0
        && !runs(replica)
        && (drain == null || drain.report(0, now).between() <= 0);
  }

  /** Whether its model has as many ready replicas as it should, were this one not there. */
  private boolean enoughWithout(Replica leaving) {
    int ready = 0;
    int stay = 0;
    int wanted = 0;
    for (Replica replica : fleet.roster().of(leaving.model())) {
      ready += replica != leaving && replica.state() == ReplicaState.READY ? 1 : 0;
      stay += replica.leaving() ? 0 : 1;
      wanted += !replica.leaving() && promising(replica.state()) ? 1 : 0;
    }
    return ready >= Math.max(wanted, Math.min(1, stay));
  }

  private static boolean promising(ReplicaState state) {
    return switch (state) {
      case STARTING, WARMING, READY, EJECTED, RESTARTING -> true;
      case STANDBY, CORDONED, DRAINING, DRAINED, FAILED, STOPPED -> false;
    };
  }

  private void empty(Replica replica, Leave leave) {
    DiscoveredServer.Leave hurried = leave.hurried;
    long graceMs = hurried == null ? fleet.config().drainGraceMs() : hurried.graceMs();
    String why = hurried == null ? "not configured any more" : hurried.why();
    fleet.commands().empty(replica, graceMs, why, () -> {});
  }

  /** Ends its process, if it has one here, for good. */
  private void stop(Replica replica) {
    LocalWorker worker = fleet.worker(replica);
    if (worker == null) {
      replica.stopped("not configured any more");
    } else {
      worker.retire();
    }
  }

  private boolean runs(Replica replica) {
    LocalWorker worker = fleet.worker(replica);
    return worker != null && worker.runs();
  }
}

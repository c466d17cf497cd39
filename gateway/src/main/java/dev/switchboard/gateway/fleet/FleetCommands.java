package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.drain.StreamState;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.routing.Workload;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What operators do with one replica: keep requests from it, empty it, restart it. Each command
 * reads the state and changes it in one step, or does nothing when somebody else was faster, so
 * none takes the fleet's lock. On any thread.
 */
public final class FleetCommands {
  private static final int TELL_MS = 1000;

  /** First tokens from which on its speed is known. */
  private static final int LEARNED = 16;

  private final Fleet fleet;
  private final DrainDriver drains;
  private final NanoClock clock;

  FleetCommands(Fleet fleet, DrainDriver drains, NanoClock clock) {
    this.fleet = fleet;
    this.drains = drains;
    this.clock = clock;
  }

  /** How long a drain's requests may take to end where they are, unless it says. */
  public long drainGraceMs() {
    return fleet.config().drainGraceMs();
  }

  /** What a drain would come to; soon, on some thread. */
  public CompletableFuture<DrainPlan> plan(Replica replica, long graceMs) {
    List<StreamState> told = Collections.synchronizedList(new ArrayList<>());
    List<CompletableFuture<Void>> answers = new ArrayList<>();
    replica.guests(
        guest -> {
          CompletableFuture<Void> answer = new CompletableFuture<>();
          answers.add(answer);
          guest.tell(
              state -> {
                told.add(state);
                answer.complete(null);
              });
        });
    boolean elsewhere =
        fleet.roster().of(replica.model()).stream()
            .anyMatch(
                other ->
                    other != replica
                        && (other.state() == ReplicaState.READY
                            || other.state() == ReplicaState.STANDBY));
    // A request that ends meanwhile may not answer.
    return CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new))
        .completeOnTimeout(null, TELL_MS, TimeUnit.MILLISECONDS)
        .thenApply(
            all -> {
              long now = clock.epochNanos();
              return DrainPlan.of(List.copyOf(told), graceMs, elsewhere, pace(replica, now), now);
            });
  }

  /** What is still to come of a drain that goes on; null where none does. */
  public @Nullable CompletableFuture<DrainPlan> remaining(Replica replica) {
    Drain drain = replica.drain();
    return drain == null || replica.state() != ReplicaState.DRAINING
        ? null
        : plan(replica, drain.graceLeftMs(clock.epochNanos()));
  }

  private static DrainPlan.Pace pace(Replica replica, long nowNanos) {
    Workload.Snapshot there = replica.workload().snapshot(nowNanos);
    return there.rates().samples() < LEARNED
        ? DrainPlan.Pace.UNKNOWN
        : new DrainPlan.Pace(
            there.rates().undisturbedTokenMs(there.running(), nowNanos),
            there.rates().promptTokenMs(),
            there.rates().answerTokens());
  }

  /**
   * Empties a replica: no new requests; those it has end within the grace or go elsewhere. It
   * serves again only when it is resumed, whatever becomes of its process meanwhile.
   *
   * @param stop ends its process when it is empty; only of a worker
   * @return whether its state allowed it
   */
  public boolean drain(Replica replica, long graceMs, boolean stop) {
    LocalWorker worker = fleet.worker(replica);
    if (stop && worker == null) {
      return false;
    }
    StandingOrder until = stop ? StandingOrder.STOPPED : StandingOrder.DRAINED;
    Runnable whenEmpty = stop && worker != null ? worker::halt : () -> {};
    return empty(replica, graceMs, until, "operator", whenEmpty);
  }

  /**
   * Empties a replica as {@link #drain} does, and leaves open what becomes of it then.
   *
   * @param whenEmpty done then, on the fleet's thread
   * @return whether its state allowed it
   */
  boolean empty(Replica replica, long graceMs, String why, Runnable whenEmpty) {
    return empty(replica, graceMs, null, why, whenEmpty);
  }

  private boolean empty(
      Replica replica,
      long graceMs,
      @Nullable StandingOrder until,
      String why,
      Runnable whenEmpty) {
    ReplicaState state = replica.state();
    if (!state.mayBecome(ReplicaState.DRAINING)) {
      return false;
    }
    Drain drain = new Drain(replica.inFlight(), graceMs, clock.epochNanos());
    if (!replica.empty(state, drain, until, why)) {
      return false;
    }
    fleet.later(() -> drains.begin(replica, drain, whenEmpty));
    return true;
  }

  /**
   * Lets a replica take no new requests until {@link #uncordon}.
   *
   * @return whether its state allowed it
   */
  public boolean cordon(Replica replica) {
    boolean was = replica.cordoned();
    replica.cordoned(true);
    // Whoever proved it at this moment may have taken it out, or something else keeps it already.
    boolean done = keepCordoned(replica) || (!was && replica.state() == ReplicaState.CORDONED);
    replica.cordoned(was || done);
    return done;
  }

  /** Whether {@link #cordon} would do it now. */
  public boolean mayCordon(Replica replica) {
    ReplicaState state = replica.state();
    return state == ReplicaState.READY
        || state == ReplicaState.STANDBY
        || (state == ReplicaState.CORDONED && !replica.cordoned());
  }

  /**
   * Takes a replica that is to be cordoned out, wherever it can take requests.
   *
   * @return whether it could
   */
  boolean keepCordoned(Replica replica) {
    return replica.tryTransition(ReplicaState.READY, ReplicaState.CORDONED, replica.keeper())
        || replica.tryTransition(ReplicaState.STANDBY, ReplicaState.CORDONED, replica.keeper());
  }

  /**
   * Lets a worker that stands by take requests, beside those that are ready.
   *
   * @return whether its state allowed it
   */
  public boolean promote(Replica replica) {
    return !replica.leaving()
        && replica.tryTransition(ReplicaState.STANDBY, ReplicaState.READY, "operator");
  }

  /** Lets a cordoned replica take requests again, at once, unless somebody else keeps it too. */
  public boolean uncordon(Replica replica) {
    boolean was = replica.cordoned();
    replica.cordoned(false);
    boolean free = replica.held() == null;
    return (free && replica.tryTransition(ReplicaState.CORDONED, ReplicaState.READY, "uncordoned"))
        || was;
  }

  /** Changes a replica's share of new work from the next request on. */
  public void weigh(Replica replica, double weight) {
    replica.weight(weight);
    fleet.adjusted(replica);
  }

  /**
   * Brings a drained, stopped, ejected or given-up replica back; it must pass the canary again. One
   * that is ejected is proven as soon as it next says that it is well, however long it was to wait.
   *
   * @return whether its state allowed it
   */
  public boolean resume(Replica replica) {
    if (replica.leaving()) {
      return false;
    }
    LocalWorker worker = fleet.worker(replica);
    ReplicaState state = replica.state();
    if ((state == ReplicaState.FAILED || state == ReplicaState.STOPPED) && worker != null) {
      replica.serveAgain();
      fleet.later(worker::revive);
      return true;
    }
    if (!replica.emptied()) {
      if (state == ReplicaState.EJECTED) {
        replica.circuit().endWait(clock.epochNanos());
      }
      return state == ReplicaState.EJECTED;
    }
    boolean was = replica.cordoned();
    replica.cordoned(false);
    boolean done = replica.resume();
    replica.cordoned(was && !done);
    return done;
  }

  /**
   * Drains a worker, ends its process and starts another; one that is ejected is not waited for. A
   * drained one is drained again then; a stopped one serves.
   *
   * @return whether its state allowed it
   */
  public boolean restart(Replica replica, long graceMs) {
    LocalWorker worker = fleet.worker(replica);
    if (worker == null || replica.leaving()) {
      return false;
    }
    return switch (replica.state()) {
      case WARMING, READY, STANDBY, CORDONED ->
          empty(replica, graceMs, "operator", worker::restartProcess);
      case EJECTED, FAILED -> again(worker);
      // The next step stops one that is to be stopped.
      case DRAINED -> replica.order() != StandingOrder.STOPPED && again(worker);
      case STOPPED -> {
        replica.serveAgain();
        yield again(worker);
      }
      case STARTING, DRAINING, RESTARTING -> false;
    };
  }

  private boolean again(LocalWorker worker) {
    fleet.later(worker::restartProcess);
    return true;
  }
}

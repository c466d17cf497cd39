package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.admission.Admission;
import dev.switchboard.gateway.admission.AdmissionQueue;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.gateway.upstream.Authorities;
import dev.switchboard.gateway.upstream.RetryBudgets;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Tells what else keeps something of replicas and models how they are, and when they are gone: what
 * comes and goes with every change of the configuration must leave nothing behind. On any thread.
 *
 * @param clock epoch nanoseconds
 * @param states told of every change first
 */
record FleetWatch(
    Metrics metrics,
    Affinity affinity,
    RetryBudgets retries,
    Admission admission,
    LongSupplier clock,
    Replica.StateListener states)
    implements Fleet.Watcher {

  @Override
  public void changed(Replica replica, @Nullable ReplicaState from, ReplicaState to) {
    states.changed(replica, from, to);
    metrics.replicaState(
        replica.id(), replica.model(), from == null ? null : from.name(), to.name());
    if (from == null) {
      authorities(replica);
    }
    if (!to.listening()) {
      metrics.replicaGone(replica.id());
      affinity.forget(replica.model(), replica.id());
    }
    places(replica, to);
  }

  @Override
  public void adjusted(Replica replica) {
    places(replica, replica.state());
    authorities(replica);
  }

  private void authorities(Replica replica) {
    Authorities trusted = replica.access().authorities();
    metrics.upstreamCa(replica.id(), trusted == null ? null : trusted.validUntil());
  }

  /** Tells the queue of its model whether routing sends it requests, and how many. */
  private void places(Replica replica, ReplicaState state) {
    AdmissionQueue queue = admission.queue(replica.model());
    queue.comesBack(replica.id(), replica.returnsNanos(state));
    queue.replica(
        replica.id(),
        state == ReplicaState.READY && replica.weight() > 0,
        replica.access().maxConcurrency(),
        replica.onProbation(),
        replica.local(),
        clock.getAsLong());
  }

  @Override
  public void gone(Replica replica) {
    metrics.replicaForgotten(replica.id());
    affinity.forget(replica.model(), replica.id());
  }

  @Override
  public void modelGone(String model) {
    metrics.modelForgotten(model);
    affinity.forget(model);
    retries.forget(model);
    admission.forget(model, clock.getAsLong());
  }

  @Override
  public boolean inside(String model) {
    return admission.inside(model);
  }
}

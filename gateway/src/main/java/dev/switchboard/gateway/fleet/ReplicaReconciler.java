package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.routing.SharedCostModel;
import dev.switchboard.gateway.upstream.Authorities;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes replicas of what the configuration wants, and has those that stay run as it wants them.
 * Under the fleet's lock.
 */
final class ReplicaReconciler {
  private static final Logger LOG = LoggerFactory.getLogger(ReplicaReconciler.class);

  private final Fleet fleet;
  private final WorkerCommand command;
  private final WorkerStarter starter;
  private final NanoClock clock;
  private final FleetListener listener;
  private final Map<String, Server> servers = new HashMap<>();
  private final Map<String, SharedCostModel> peers = new HashMap<>();
  private int nextServer;
  private int nextWorker;

  ReplicaReconciler(
      Fleet fleet,
      WorkerCommand command,
      WorkerStarter starter,
      NanoClock clock,
      FleetListener listener) {
    this.fleet = fleet;
    this.command = command;
    this.starter = starter;
    this.clock = clock;
    this.listener = listener;
  }

  WorkerCommand command() {
    return command;
  }

  private SharedCostModel peers(String model) {
    return peers.computeIfAbsent(model, name -> new SharedCostModel());
  }

  /** The number of the next server that was not there. */
  int nextServer() {
    return nextServer++;
  }

  LocalWorker newWorker(ModelSpec spec, FleetPlan wanted) {
    String id = "w" + nextWorker++;
    Replica replica = newReplica(id, spec.servedName(), true, UpstreamAccess.LOCAL, wanted);
    return new LocalWorker(
        replica,
        LocalWorker.Engine.of(spec, wanted.files(spec), wanted.workers()),
        command.of(id, spec, wanted.workers(), wanted.threads()),
        wanted.workers(),
        fleet.executor(),
        listener,
        () -> clock.epochNanos() / 1_000_000,
        starter,
        fleet.localModels().speeds());
  }

  private Replica newReplica(
      String id, String model, boolean local, UpstreamAccess access, FleetPlan wanted) {
    return new Replica(
        id,
        model,
        local,
        access,
        peers(model),
        wanted.circuit(),
        () -> clock.epochNanos() / 1_000_000,
        fleet::stateChanged);
  }

  Replica newServer(String id, Server wanted) {
    Replica replica = newReplica(id, wanted.model(), false, wanted.access(), fleet.plan());
    servers.put(id, wanted);
    replica.pod(wanted.pod());
    replica.spare(wanted.standby());
    replica.weight(wanted.weight());
    replica.transitionTo(ReplicaState.WARMING, "configured");
    listens(replica, wanted.spec());
    fleet.settings().joined(replica);
    fleet.orders().take(replica, null, wanted.orders());
    if (wanted.access().authorities() != null) {
      tell(replica);
    }
    return replica;
  }

  private static void tell(Replica replica) {
    Authorities authorities = replica.access().authorities();
    LOG.info(
        "tls_authorities replica={} valid_until={}",
        replica.id(),
        authorities == null ? "none" : authorities.validUntil());
  }

  private static void listens(Replica replica, UpstreamSpec spec) {
    replica.listens(spec.url(), spec.socket() == null ? null : spec.socket().toString());
  }

  /** As the configuration knows it. */
  Server server(Replica replica) {
    return Objects.requireNonNull(servers.get(replica.id()), "it is known by its URL");
  }

  /**
   * Speaks to it otherwise from now on; a weight that an operator gave it stays until it changes.
   */
  void adjust(Replica replica, Server was, Server wanted) {
    servers.put(replica.id(), wanted);
    standsBy(replica, wanted.standby());
    if (was.weight() != wanted.weight()) {
      replica.weight(wanted.weight());
    }
    if (!was.access().equals(wanted.access())) {
      replica.access(wanted.access());
      if (replica.state().listening()) {
        listens(replica, wanted.spec());
      }
      if (!Objects.equals(was.access().authorities(), wanted.access().authorities())) {
        tell(replica);
      }
      fleet.adjusted(replica);
    }
    if (!was.orders().equals(wanted.orders())) {
      fleet.orders().take(replica, was.orders(), wanted.orders());
    }
  }

  private void standsBy(Replica replica, boolean wanted) {
    boolean was = replica.spare();
    replica.spare(wanted);
    if (was && !wanted) {
      fleet.later(() -> replica.tryTransition(ReplicaState.STANDBY, ReplicaState.READY, "found"));
    }
  }

  /** Lets a worker that stays run as it is wanted to, from its next start on. */
  boolean keep(LocalWorker worker, ModelSpec spec, FleetPlan wanted) {
    WorkersConfig config = wanted.workers();
    return fleet
        .restarts()
        .reconfigure(
            worker,
            LocalWorker.Engine.of(spec, wanted.files(spec), config),
            command.of(worker.replica().id(), spec, config, wanted.threads()),
            config);
  }

  /** It never comes back. */
  void forget(Replica replica) {
    servers.remove(replica.id());
    if (!fleet.has(replica.model())) {
      peers.remove(replica.model());
    }
  }
}

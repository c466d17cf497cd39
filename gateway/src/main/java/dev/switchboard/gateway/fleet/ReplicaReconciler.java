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
  private final Map<Kin, SharedCostModel> peers = new HashMap<>();

  /**
   * Replicas that have their costs in common.
   *
   * @param device of workers here; what servers run on nobody knows before they tell it, so that
   *     they are taken for processors
   */
  private record Kin(String model, String device) {}

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

  private SharedCostModel peers(String model, String device) {
    return peers.computeIfAbsent(new Kin(model, device), one -> new SharedCostModel());
  }

  /** The number of the next server that was not there. */
  int nextServer() {
    return nextServer++;
  }

  LocalWorker newWorker(ModelSpec spec, WorkerSpec.Seat seat, FleetPlan wanted) {
    String id = "w" + nextWorker++;
    Replica replica =
        newReplica(
            id, spec.servedName(), seat.worker().device(), true, UpstreamAccess.LOCAL, wanted);
    replica.placed(seat.worker());
    return new LocalWorker(
        replica,
        place(id, spec, seat, wanted),
        wanted.workers(),
        fleet.executor(),
        listener,
        () -> clock.epochNanos() / 1_000_000,
        starter,
        fleet.localModels().speeds());
  }

  private LocalWorker.Place place(
      String id, ModelSpec spec, WorkerSpec.Seat seat, FleetPlan wanted) {
    WorkerSpec worker = seat.worker();
    WorkersConfig config = wanted.workers();
    return new LocalWorker.Place(
        seat.group(),
        LocalWorker.Engine.of(worker, wanted.files(spec), config),
        command.of(id, spec.servedName(), worker, config, wanted.threads(worker)));
  }

  private Replica newReplica(
      String id,
      String model,
      String device,
      boolean local,
      UpstreamAccess access,
      FleetPlan wanted) {
    return new Replica(
        id,
        model,
        local,
        access,
        peers(model, device),
        wanted.circuit(),
        () -> clock.epochNanos() / 1_000_000,
        fleet::stateChanged);
  }

  Replica newServer(String id, Server wanted) {
    Replica replica =
        newReplica(id, wanted.model(), WorkerGroup.CPU, false, wanted.access(), fleet.plan());
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
      fleet.commands().weigh(replica, wanted.weight());
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
  boolean keep(LocalWorker worker, ModelSpec spec, WorkerSpec.Seat seat, FleetPlan wanted) {
    worker.replica().placed(seat.worker());
    return fleet
        .restarts()
        .reconfigure(worker, place(worker.replica().id(), spec, seat, wanted), wanted.workers());
  }

  /** It never comes back. */
  void forget(Replica replica) {
    servers.remove(replica.id());
    if (!fleet.has(replica.model())) {
      peers.keySet().removeIf(kin -> kin.model().equals(replica.model()));
    }
  }
}

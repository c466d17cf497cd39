package dev.switchboard.gateway.fleet;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Makes the fleet that a plan wants of the one that is there: what is the same stays, with all that
 * was learned of it. A server is the same by its place, and where one place is named several times,
 * by its turn; a worker by its model and device. One that was on its way out comes back rather than
 * that a new one starts beside it. Used once, under the fleet's lock.
 */
final class FleetReconciler {
  private static final DiscoveredServer.Leave GONE =
      new DiscoveredServer.Leave("its endpoint is gone", 0);

  private final Fleet fleet;
  private final Roster before;
  private final FleetPlan plan;
  private final Map<String, Replica> replicas;
  private final Map<String, LocalWorker> workers;
  private final List<LocalWorker> begun = new ArrayList<>();
  private final List<String> added = new ArrayList<>();
  private final List<String> changed = new ArrayList<>();
  private final List<String> replaced = new ArrayList<>();
  private final List<String> removed = new ArrayList<>();

  FleetReconciler(Fleet fleet, Roster before, FleetPlan plan) {
    this.fleet = fleet;
    this.before = before;
    this.plan = plan;
    this.replicas = new LinkedHashMap<>(before.replicas());
    this.workers = new LinkedHashMap<>(before.workers());
  }

  /** The fleet as it is from now on; who leaves is marked already, who is new does not run yet. */
  Roster roster() {
    for (String model : models()) {
      workers(model, plan.model(model));
    }
    servers();
    return Roster.of(replicas, workers, plan.names(), plan.wantedReady(), plan.fromZero());
  }

  /** Workers that are to be started. */
  List<LocalWorker> begun() {
    return begun;
  }

  FleetChange change() {
    return new FleetChange(
        plan.names().stream().filter(model -> !before.models().contains(model)).toList(),
        before.models().stream().filter(model -> !plan.names().contains(model)).toList(),
        inOrder(added),
        inOrder(changed),
        inOrder(replaced),
        inOrder(removed));
  }

  private List<String> inOrder(List<String> ids) {
    return replicas.keySet().stream().filter(ids::contains).toList();
  }

  // ------------------------------------------------------------------ workers

  /** Local models that are wanted, then those that only some worker still has. */
  private List<String> models() {
    List<String> models = new ArrayList<>();
    plan.models().forEach(spec -> models.add(spec.servedName()));
    for (LocalWorker worker : before.workers().values()) {
      if (!models.contains(worker.replica().model())) {
        models.add(worker.replica().model());
      }
    }
    return models;
  }

  private void workers(String model, @Nullable ModelSpec spec) {
    List<LocalWorker> there =
        before.workers().values().stream()
            .filter(worker -> worker.replica().model().equals(model))
            .filter(worker -> mayStay(worker.replica()))
            .sorted(Comparator.comparingInt(worker -> rank(worker.replica())))
            .toList();
    List<WorkerSpec.Seat> wanted = spec == null ? List.of() : plan.seats(spec);
    Map<LocalWorker, WorkerSpec.Seat> kept =
        WorkerMatch.kept(there, worker -> worker.engine().worker(), wanted);
    for (LocalWorker worker : there) {
      WorkerSpec.Seat seat = kept.get(worker);
      if (spec != null && seat != null) {
        keep(worker, spec, seat);
      } else {
        leaves(worker.replica());
      }
    }
    for (WorkerSpec.Seat seat : WorkerMatch.missing(wanted, kept)) {
      begins(Objects.requireNonNull(spec, "only a model that is wanted has seats"), seat);
    }
  }

  private void begins(ModelSpec spec, WorkerSpec.Seat seat) {
    LocalWorker fresh = fleet.replicaReconciler().newWorker(spec, seat, plan);
    begun.add(fresh);
    workers.put(fresh.replica().id(), fresh);
    joins(fresh.replica());
  }

  /** Who serves stays rather than who does not, and who is there rather than who leaves. */
  static int rank(Replica replica) {
    int serving =
        switch (replica.state()) {
          case READY -> 0;
          case STANDBY -> 1;
          case STARTING, WARMING, RESTARTING, EJECTED, CORDONED -> 2;
          case DRAINING, DRAINED, FAILED, STOPPED -> 3;
        };
    return replica.leaving() ? serving + 4 : serving;
  }

  private void keep(LocalWorker worker, ModelSpec spec, WorkerSpec.Seat seat) {
    comesBack(worker.replica());
    if (fleet.replicaReconciler().keep(worker, spec, seat, plan)) {
      replaced.add(worker.replica().id());
    }
  }

  // ------------------------------------------------------------------ servers

  private void servers() {
    Map<Server.Place, Deque<Replica>> there = there();
    for (List<Server> entry : plan.servers()) {
      int number = -1;
      for (Server wanted : entry) {
        Deque<Replica> same = there.get(wanted.place());
        Replica found = same == null ? null : same.poll();
        if (wanted.orders() instanceof DiscoveredServer.Leave leave) {
          if (found != null) {
            ends(found, leave);
          }
        } else if (found == null) {
          number = number < 0 ? fleet.replicaReconciler().nextServer() : number;
          String id = "u" + number + (entry.size() == 1 ? "" : "-" + wanted.model());
          joins(fleet.replicaReconciler().newServer(id, wanted));
        } else {
          keep(found, wanted);
        }
      }
    }
    there.values().forEach(left -> left.forEach(this::vanishes));
  }

  private Map<Server.Place, Deque<Replica>> there() {
    Map<Server.Place, Deque<Replica>> there = new LinkedHashMap<>();
    before.replicas().values().stream()
        .filter(replica -> !replica.local() && mayStay(replica))
        .sorted(Comparator.comparing(Replica::leaving))
        .forEach(
            replica ->
                there
                    .computeIfAbsent(
                        fleet.replicaReconciler().server(replica).place(),
                        place -> new ArrayDeque<>())
                    .add(replica));
    return there;
  }

  private void keep(Replica replica, Server wanted) {
    comesBack(replica);
    Server was = fleet.replicaReconciler().server(replica);
    if (!was.access().equals(wanted.access()) || was.weight() != wanted.weight()) {
      changed.add(replica.id());
    }
    fleet.replicaReconciler().adjust(replica, was, wanted);
  }

  // ------------------------------------------------------------------ both

  /** One that leaves may come back until it is stopped. */
  private static boolean mayStay(Replica replica) {
    return !replica.leaving() || replica.state().listening();
  }

  private void joins(Replica replica) {
    replicas.put(replica.id(), replica);
    added.add(replica.id());
  }

  private void comesBack(Replica replica) {
    if (replica.leaving()) {
      fleet.removedReplicas().cancel(replica);
      added.add(replica.id());
    }
  }

  private void leaves(Replica replica) {
    if (!replica.leaving()) {
      fleet.removedReplicas().begin(replica);
      removed.add(replica.id());
    }
  }

  /** Somebody ends its pod, which may be replaced already. */
  private void ends(Replica replica, DiscoveredServer.Leave leave) {
    if (!replica.leaving()) {
      fleet.reserve().ends(replica);
    }
    leaves(replica, leave);
  }

  private void leaves(Replica replica, DiscoveredServer.Leave leave) {
    if (!replica.leaving()) {
      removed.add(replica.id());
    }
    fleet.removedReplicas().hurry(replica, leave);
  }

  /** Nobody has it any more; one that was found is gone already, or will be at once. */
  private void vanishes(Replica replica) {
    if (replica.pod() == null || !plan.finds(replica.model())) {
      leaves(replica);
    } else {
      leaves(replica, GONE);
    }
  }
}

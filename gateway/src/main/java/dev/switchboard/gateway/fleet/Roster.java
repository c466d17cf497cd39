package dev.switchboard.gateway.fleet;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Who is in the fleet at a moment. Immutable: a change makes another one, so that whoever reads, on
 * any thread, sees one fleet all along.
 *
 * @param replicas by their ids, the oldest first; those that leave are among them until they are
 *     gone
 * @param all of them
 * @param workers of the replicas that this gateway runs
 * @param models that are to be served, in the order of the configuration
 * @param byModel replicas, also of models that are not to be served any more
 * @param wantedReady how many workers of a model are to be ready, where others stand by
 * @param spared models of which pods stand by
 * @param fromZero models that may have no replica: requests for them wait until one is started
 */
record Roster(
    Map<String, Replica> replicas,
    List<Replica> all,
    Map<String, LocalWorker> workers,
    Set<String> models,
    Map<String, List<Replica>> byModel,
    Map<String, Integer> wantedReady,
    Set<String> spared,
    Set<String> fromZero) {

  static final Roster EMPTY = of(Map.of(), Map.of(), Set.of(), Map.of(), Set.of());

  static Roster of(
      Map<String, Replica> replicas,
      Map<String, LocalWorker> workers,
      Set<String> models,
      Map<String, Integer> wantedReady,
      Set<String> fromZero) {
    Map<String, List<Replica>> byModel = new HashMap<>();
    Set<String> spared = new HashSet<>();
    for (Replica replica : replicas.values()) {
      if (replica.spare()) {
        spared.add(replica.model());
      }
      byModel.computeIfAbsent(replica.model(), model -> new ArrayList<>()).add(replica);
    }
    byModel.replaceAll((model, serving) -> List.copyOf(serving));
    return new Roster(
        Collections.unmodifiableMap(new LinkedHashMap<>(replicas)),
        List.copyOf(replicas.values()),
        Collections.unmodifiableMap(new LinkedHashMap<>(workers)),
        Collections.unmodifiableSet(new LinkedHashSet<>(models)),
        Map.copyOf(byModel),
        Map.copyOf(wantedReady),
        Set.copyOf(spared),
        Set.copyOf(fromZero));
  }

  /** The same replicas, for the models of a plan. */
  Roster serving(FleetPlan plan) {
    return of(replicas, workers, plan.names(), plan.wantedReady(), plan.fromZero());
  }

  Roster without(List<Replica> gone) {
    Map<String, Replica> others = new LinkedHashMap<>(replicas);
    Map<String, LocalWorker> otherWorkers = new LinkedHashMap<>(workers);
    for (Replica each : gone) {
      others.remove(each.id());
      otherWorkers.remove(each.id());
    }
    return of(others, otherWorkers, models, wantedReady, fromZero);
  }

  List<Replica> of(String model) {
    return byModel.getOrDefault(model, List.of());
  }

  /** Whether others of a model take requests where one is lost. */
  boolean standsBy(String model) {
    return wantedReady.containsKey(model) || spared.contains(model);
  }

  /** Whether a replica of a model takes requests. */
  boolean ready(String model) {
    for (Replica replica : of(model)) {
      if (replica.state() == ReplicaState.READY) {
        return true;
      }
    }
    return false;
  }

  private static long expectedMs(Replica replica, long now) {
    if (replica.order() != StandingOrder.SERVE) {
      return Long.MAX_VALUE;
    }
    long expected = replica.expectedReadyMs();
    return switch (replica.state()) {
      case WARMING, READY, STANDBY, EJECTED -> now;
      case STARTING, RESTARTING -> Math.max(expected, now);
      case FAILED -> expected == 0 ? Long.MAX_VALUE : expected;
      case CORDONED, DRAINING, DRAINED, STOPPED -> Long.MAX_VALUE;
    };
  }

  /**
   * Whether a replica of every model is ready, or would be if no operator kept it from requests.
   */
  boolean everyModelReady() {
    return models.stream().allMatch(model -> empty(model) || readyOrCordoned(model));
  }

  /** Whether a replica of a model is ready, or would be if no operator kept it from requests. */
  boolean readyOrCordoned(String model) {
    return ready(model)
        || of(model).stream().anyMatch(replica -> replica.state() == ReplicaState.CORDONED);
  }

  /** Whether a model has no replica and may have none. */
  private boolean empty(String model) {
    return fromZero.contains(model) && of(model).isEmpty();
  }

  /** Whether some replica of some model is ready, or requests for one wait until one is started. */
  boolean anyReady() {
    return models.stream().anyMatch(model -> ready(model) || fromZero.contains(model));
  }

  /** Why a model cannot be served, in the words of its last worker. */
  String despair() {
    return all.stream()
        .filter(replica -> replica.state() == ReplicaState.FAILED)
        .map(replica -> replica.model() + ": worker " + replica.id() + " " + replica.reason())
        .findFirst()
        .orElse("no worker could be started");
  }

  /** The exit status of a gateway that ends for that. */
  int despairStatus() {
    for (Replica replica : all) {
      LastExit exit = replica.lastExit();
      if (replica.state() == ReplicaState.FAILED && exit != null) {
        return exit.cause().gatewayStatus();
      }
    }
    return WorkerExit.OTHER.gatewayStatus();
  }

  /** Whether every replica of some model failed. */
  boolean hopeless() {
    return models.stream()
        .map(this::of)
        .anyMatch(
            some ->
                !some.isEmpty()
                    && some.stream().allMatch(replica -> replica.state() == ReplicaState.FAILED));
  }

  /**
   * When a model without a ready replica may have one: seconds from now, at least {@code least}; 0
   * when that takes an operator.
   *
   * @param now epoch milliseconds
   */
  int retryAfterSeconds(String model, int least, long now) {
    long soonestMs = Long.MAX_VALUE;
    for (Replica replica : of(model)) {
      soonestMs = Math.min(soonestMs, expectedMs(replica, now));
    }
    return soonestMs == Long.MAX_VALUE
        ? 0
        : Math.clamp((soonestMs - now + 999) / 1000, least, Integer.MAX_VALUE);
  }
}

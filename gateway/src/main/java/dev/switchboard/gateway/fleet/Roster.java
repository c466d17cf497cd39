package dev.switchboard.gateway.fleet;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
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
 */
record Roster(
    Map<String, Replica> replicas,
    List<Replica> all,
    Map<String, LocalWorker> workers,
    Set<String> models,
    Map<String, List<Replica>> byModel,
    Map<String, Integer> wantedReady) {

  static final Roster EMPTY = of(Map.of(), Map.of(), Set.of(), Map.of());

  static Roster of(
      Map<String, Replica> replicas,
      Map<String, LocalWorker> workers,
      Set<String> models,
      Map<String, Integer> wantedReady) {
    Map<String, List<Replica>> byModel = new HashMap<>();
    for (Replica replica : replicas.values()) {
      byModel.computeIfAbsent(replica.model(), model -> new ArrayList<>()).add(replica);
    }
    byModel.replaceAll((model, serving) -> List.copyOf(serving));
    return new Roster(
        Collections.unmodifiableMap(new LinkedHashMap<>(replicas)),
        List.copyOf(replicas.values()),
        Collections.unmodifiableMap(new LinkedHashMap<>(workers)),
        Collections.unmodifiableSet(new LinkedHashSet<>(models)),
        Map.copyOf(byModel),
        Map.copyOf(wantedReady));
  }

  Roster without(Replica gone) {
    Map<String, Replica> others = new LinkedHashMap<>(replicas);
    others.remove(gone.id());
    Map<String, LocalWorker> otherWorkers = new LinkedHashMap<>(workers);
    otherWorkers.remove(gone.id());
    return of(others, otherWorkers, models, wantedReady);
  }

  List<Replica> of(String model) {
    return byModel.getOrDefault(model, List.of());
  }
}

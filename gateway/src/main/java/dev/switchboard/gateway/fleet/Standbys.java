package dev.switchboard.gateway.fleet;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * How many workers of a model take requests, where others stand by: as many as are configured, and
 * more while the load needs them. Takes no lock: at worst, for two that look at once, one more than
 * wanted is ready.
 */
final class Standbys {
  /** Who was promoted for the load takes requests for at least so long. */
  private static final long LEAST_MS = 60_000;

  private final Fleet fleet;

  /** Beyond what is configured, for the load, by model. */
  private final Map<String, More> more = new ConcurrentHashMap<>();

  private record More(int workers, long sinceMs) {
    static final More NONE = new More(0, 0);
  }

  Standbys(Fleet fleet) {
    this.fleet = fleet;
  }

  /** Lets those that stand by take requests, as many as are missing. */
  void promote(String model, String why) {
    Integer wanted = wanted(model);
    int missing = (wanted == null ? Integer.MAX_VALUE : wanted) - readyWorkers(model);
    for (Replica replica : fleet.roster().of(model)) {
      if (missing > 0
          && !replica.leaving()
          && replica.tryTransition(ReplicaState.STANDBY, ReplicaState.READY, why)) {
        missing--;
      }
    }
  }

  /** Null where none stands by. */
  private @Nullable Integer wanted(String model) {
    Integer configured = fleet.roster().wantedReady().get(model);
    return configured == null ? null : configured + more.getOrDefault(model, More.NONE).workers();
  }

  /**
   * Goes by the load: more take requests at once, fewer after a while.
   *
   * @param missing replicas that are needed beyond those that are ready; below 0 for too many
   */
  void load(String model, int missing, long nowMs) {
    Integer configured = fleet.roster().wantedReady().get(model);
    if (configured == null) {
      more.remove(model);
      return;
    }
    More before = more.getOrDefault(model, More.NONE);
    int workers = (int) fleet.roster().of(model).stream().filter(Replica::local).count();
    int wanted = readyWorkers(model) + missing - configured;
    int after = Math.clamp(wanted, 0, Math.max(0, workers - configured));
    if (after > before.workers()) {
      more.put(model, new More(after, nowMs));
      promote(model, "for the load");
    } else if (after < before.workers() && nowMs - before.sinceMs() >= LEAST_MS) {
      more.put(model, new More(after, nowMs));
      stand(model);
    }
  }

  private int readyWorkers(String model) {
    int ready = 0;
    for (Replica replica : fleet.roster().of(model)) {
      boolean counts = replica.local() && !replica.leaving();
      ready += counts && replica.state() == ReplicaState.READY ? 1 : 0;
    }
    return ready;
  }

  /** A warming replica passed the canary. */
  void proven(Replica replica) {
    replica.circuit().returned();
    Integer wanted = wanted(replica.model());
    if (replica.kept()) {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.CORDONED, replica.keeper());
    } else if (wanted != null && readyWorkers(replica.model()) >= wanted) {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.STANDBY, "enough others are ready");
    } else {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.READY, "every rank answered");
    }
    if (replica.kept()) {
      // It was cordoned between the look and the step.
      fleet.commands().keepCordoned(replica);
    }
  }

  /** Lets as many be ready as are wanted to, and the others stand by. */
  void stand(String model) {
    Integer wanted = wanted(model);
    promote(model, "configured");
    int tooMany = wanted == null ? 0 : readyWorkers(model) - wanted;
    for (Replica replica : fleet.roster().of(model)) {
      if (tooMany > 0
          && replica.local()
          && !replica.leaving()
          && replica.state() == ReplicaState.READY
          && fleet
              .commands()
              .empty(
                  replica, fleet.config().drainGraceMs(), "to stand by", () -> warmUp(replica))) {
        tooMany--;
      }
    }
  }

  private static void warmUp(Replica replica) {
    replica.tryTransition(ReplicaState.DRAINED, ReplicaState.WARMING, "to stand by");
  }
}

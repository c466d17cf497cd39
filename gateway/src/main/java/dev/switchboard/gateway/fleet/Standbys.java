package dev.switchboard.gateway.fleet;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * How many replicas of a model take requests, where others stand by. Holds no lock while it
 * decides: at worst, for two that look at once, one more than wanted is ready.
 *
 * <p>Of local workers as many as are configured, and more while the load needs them. Any of them
 * may stand by: who comes back from a restart does. Where they are in groups, those of the group
 * that misses one come first; others fill in for it, and stand by again once it has its own.
 *
 * <p>Pods keep their parts, since every gateway must find the same ones free. A pod that stands by
 * takes requests while fewer others are ready than were at once of late, and at least where no
 * other is. It stands by again when it was one too many for a while. How many pods there should be
 * no gateway knows ({@link ReadyLevel}): what shrank on purpose is forgotten after some minutes,
 * and what a rolling update replaced at once.
 */
final class Standbys {
  /** Who was promoted takes requests for at least so long. */
  static final long LEAST_MS = 60_000;

  /** Others that were found may take so long to be proven. */
  static final long START_MS = 3000;

  private final Fleet fleet;

  /** Beyond what is configured, for the load, by model. */
  private final Map<String, More> more = new ConcurrentHashMap<>();

  /** Where pods stand by, how many others should be ready. */
  private final Map<String, ReadyLevel> levels = new ConcurrentHashMap<>();

  /** Where pods stand by, since when more are ready than wanted. */
  private final Map<String, Long> surplusMs = new ConcurrentHashMap<>();

  private volatile long nowMs;

  private record More(int workers, long sinceMs) {
    static final More NONE = new More(0, 0);
  }

  Standbys(Fleet fleet) {
    this.fleet = fleet;
  }

  /** Lets those that stand by take requests, as many as are missing. */
  void promote(String model, String why) {
    Integer wanted = wanted(model);
    int missing = (wanted == null ? Integer.MAX_VALUE : wanted) - ready(model);
    for (boolean anyGroup : new boolean[] {false, true}) {
      for (Replica replica : fleet.roster().of(model)) {
        if (missing > 0
            && !replica.leaving()
            && (anyGroup || groupSurplus(replica) < 0)
            && replica.tryTransition(ReplicaState.STANDBY, ReplicaState.READY, why)) {
          missing--;
        }
      }
    }
  }

  /** How many workers of a worker's group are ready beyond those that it should have; else 0. */
  private int groupSurplus(Replica replica) {
    LocalWorker worker = fleet.worker(replica);
    ModelSpec spec = worker == null ? null : fleet.plan().model(replica.model());
    if (worker == null || spec == null) {
      return 0;
    }
    int group = worker.group();
    int ready =
        count(
            replica.model(),
            other -> {
              LocalWorker its = fleet.worker(other);
              return its != null && its.group() == group;
            });
    return ready - spec.readyWorkers(group, fleet.config());
  }

  /** Null where none stands by. */
  private @Nullable Integer wanted(String model) {
    Integer configured = configured(model);
    if (configured != null) {
      return configured + more.getOrDefault(model, More.NONE).workers();
    }
    return fleet.roster().spared().contains(model)
        ? Math.max(othersStart(model) ? 0 : 1, others(model))
        : null;
  }

  private int others(String model) {
    ReadyLevel level = levels.get(model);
    return level == null ? 0 : level.level();
  }

  /** At a gateway's start all of them are proven, and none of them is missed for a moment. */
  private boolean othersStart(String model) {
    return fleet.roster().of(model).stream()
        .anyMatch(
            replica ->
                !replica.spare()
                    && !replica.leaving()
                    && replica.state() == ReplicaState.WARMING
                    && nowMs - replica.sinceMs() < START_MS);
  }

  private @Nullable Integer configured(String model) {
    return fleet.roster().wantedReady().get(model);
  }

  /**
   * Goes by the load: more take requests at once, fewer after a while.
   *
   * @param missing replicas that are needed beyond those that are ready; below 0 for too many
   */
  void load(String model, int missing, long nowMs) {
    Integer configured = configured(model);
    if (configured == null) {
      more.remove(model);
      return;
    }
    More before = more.getOrDefault(model, More.NONE);
    int workers = (int) fleet.roster().of(model).stream().filter(Replica::local).count();
    int wanted = ready(model) + missing - configured;
    int after = Math.clamp(wanted, 0, Math.max(0, workers - configured));
    if (after > before.workers()) {
      more.put(model, new More(after, nowMs));
      promote(model, "for the load");
    } else if (after < before.workers() && nowMs - before.sinceMs() >= LEAST_MS) {
      more.put(model, new More(after, nowMs));
      stand(model);
    }
  }

  /** Those that count towards what is wanted. */
  private int ready(String model) {
    boolean workers = configured(model) != null;
    return count(model, replica -> replica.local() || !workers);
  }

  private int count(String model, Predicate<Replica> counts) {
    int ready = 0;
    for (Replica replica : fleet.roster().of(model)) {
      boolean there = replica.state() == ReplicaState.READY && !replica.leaving();
      ready += there && counts.test(replica) ? 1 : 0;
    }
    return ready;
  }

  /** A warming replica passed the canary. */
  void proven(Replica replica) {
    replica.circuit().returned();
    if (replica.staysEmpty()) {
      return;
    }
    Integer wanted = wanted(replica.model());
    if (replica.kept()) {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.CORDONED, replica.keeper());
    } else if (wanted != null
        && mayStand(replica)
        && groupSurplus(replica) >= 0
        && ready(replica.model()) >= wanted) {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.STANDBY, "enough others are ready");
    } else {
      replica.tryTransition(ReplicaState.WARMING, ReplicaState.READY, "every rank answered");
      if (replica.local() && wanted != null && ready(replica.model()) > wanted) {
        // Whoever filled in for it may stand by again.
        fleet.later(() -> stand(replica.model()));
      }
    }
    if (replica.kept()) {
      // It was cordoned between the look and the step.
      fleet.commands().keepCordoned(replica);
    }
  }

  private boolean mayStand(Replica replica) {
    return replica.spare() || (replica.local() && configured(replica.model()) != null);
  }

  /** Lets as many be ready as are wanted to, and the others stand by. */
  void stand(String model) {
    Integer wanted = wanted(model);
    promote(model, "configured");
    int tooMany = wanted == null ? 0 : ready(model) - wanted;
    for (Replica replica : fleet.roster().of(model)) {
      if (tooMany > 0
          && mayStand(replica)
          && !replica.leaving()
          && replica.state() == ReplicaState.READY
          && (!replica.local() || groupSurplus(replica) > 0)
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

  // ------------------------------------------------------------------ pods that stand by

  /** A pod will end; before it takes no more requests, and not while {@link #tick} looks. */
  void ends(Replica replica) {
    ReadyLevel level = levels.get(replica.model());
    if (level != null && !replica.spare() && replica.state() == ReplicaState.READY) {
      level.ends(nowMs);
    }
  }

  /** Sees who is ready beside pods that stand by; under the fleet's lock. */
  void tick(long epochMs) {
    nowMs = epochMs;
    Roster now = fleet.roster();
    levels.keySet().retainAll(now.spared());
    surplusMs.keySet().retainAll(now.spared());
    for (String model : now.spared()) {
      if (configured(model) == null) {
        see(model);
      }
    }
  }

  private void see(String model) {
    levels
        .computeIfAbsent(model, first -> new ReadyLevel(nowMs))
        .see(count(model, replica -> !replica.spare()), nowMs);
    Integer wanted = wanted(model);
    int surplus = wanted == null ? 0 : ready(model) - wanted;
    if (surplus <= 0) {
      surplusMs.remove(model);
      // A standby that was proven, or none while the last one left.
      promote(model, "too few others are ready");
    } else if (nowMs - surplusMs.computeIfAbsent(model, first -> nowMs) >= LEAST_MS) {
      surplusMs.remove(model);
      stand(model);
    }
  }
}

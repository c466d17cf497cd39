package dev.switchboard.gateway.fleet;

/**
 * How many workers of a model take requests, where others stand by. Takes no lock: at worst, for
 * two that look at once, one more than wanted is ready.
 */
final class Reserve {
  private final Fleet fleet;

  Reserve(Fleet fleet) {
    this.fleet = fleet;
  }

  /** Lets those that stand by take requests, as many as are missing. */
  void promote(String model, String why) {
    int missing =
        fleet.roster().wantedReady().getOrDefault(model, Integer.MAX_VALUE) - readyWorkers(model);
    for (Replica replica : fleet.roster().of(model)) {
      if (missing > 0
          && !replica.leaving()
          && replica.tryTransition(ReplicaState.STANDBY, ReplicaState.READY, why)) {
        missing--;
      }
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
    Integer wanted = fleet.roster().wantedReady().get(replica.model());
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
    Integer wanted = fleet.roster().wantedReady().get(model);
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

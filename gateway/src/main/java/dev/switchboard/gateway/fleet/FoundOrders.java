package dev.switchboard.gateway.fleet;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Does with replicas that were found what their orders say, each time those change: an operator may
 * do otherwise meanwhile, as with one that an operator cordoned or drained. Under the fleet's lock.
 */
final class FoundOrders {
  private final Fleet fleet;

  FoundOrders(Fleet fleet) {
    this.fleet = fleet;
  }

  /**
   * Takes what is wanted of a replica from now on.
   *
   * @param was null for one that is new
   */
  void take(Replica replica, Found.@Nullable Orders was, Found.Orders now) {
    Found.Stay before = was instanceof Found.Stay stay ? stay : Found.SERVE;
    if (now instanceof Found.Stay after) {
      if (!Objects.equals(before.held(), after.held())) {
        hold(replica, after.held());
      }
      if ((before.drained() == null) != (after.drained() == null)) {
        drain(replica, after);
      }
    }
  }

  private void hold(Replica replica, @Nullable String why) {
    replica.held(why);
    if (why != null) {
      fleet.commands().keepCordoned(replica);
    } else if (!replica.cordoned()) {
      boolean _ =
          replica.tryTransition(ReplicaState.CORDONED, ReplicaState.READY, "it is ready again");
    }
  }

  private void drain(Replica replica, Found.Stay wanted) {
    String why = wanted.drained();
    if (why != null) {
      boolean _ = fleet.commands().empty(replica, wanted.graceMs(), why, () -> {});
      return;
    }
    for (ReplicaState state : new ReplicaState[] {ReplicaState.DRAINING, ReplicaState.DRAINED}) {
      boolean _ = replica.tryTransition(state, ReplicaState.WARMING, "it is not to be drained now");
    }
  }
}

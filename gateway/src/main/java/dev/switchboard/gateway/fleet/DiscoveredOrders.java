package dev.switchboard.gateway.fleet;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Does with replicas that were found what their orders say, each time those change: an operator may
 * do otherwise meanwhile, as with one that an operator cordoned or drained. Under the fleet's lock.
 */
final class DiscoveredOrders {
  private final Fleet fleet;

  DiscoveredOrders(Fleet fleet) {
    this.fleet = fleet;
  }

  /**
   * Takes what is wanted of a replica from now on.
   *
   * @param was null for one that is new
   */
  void take(Replica replica, DiscoveredServer.@Nullable Orders was, DiscoveredServer.Orders now) {
    DiscoveredServer.Stay before =
        was instanceof DiscoveredServer.Stay stay ? stay : DiscoveredServer.SERVE;
    if (now instanceof DiscoveredServer.Stay after) {
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
      boolean again =
          replica.tryTransition(ReplicaState.CORDONED, ReplicaState.READY, "it is ready again");
      if (again && replica.spare()) {
        fleet.later(() -> fleet.reserve().stand(replica.model()));
      }
    }
  }

  private void drain(Replica replica, DiscoveredServer.Stay wanted) {
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

package dev.switchboard.gateway.fleet;

import org.jspecify.annotations.Nullable;

/**
 * What operators set at replicas outlives the gateway: it is kept elsewhere under names that
 * replicas have at each start with the same configuration. Under the fleet's lock.
 */
public final class Settings {
  private final Fleet fleet;

  Settings(Fleet fleet) {
    this.fleet = fleet;
  }

  /**
   * Sets what operators had set before this gateway's start. A weight holds only as long as the
   * configuration says what it said then.
   *
   * @param name of a replica, as {@link #name} gives it; one that is not there is left out
   * @param weight null for the configured one
   */
  public void restore(
      String name, boolean cordoned, @Nullable Double weight, double configuredWeight) {
    synchronized (fleet) {
      for (Replica replica : fleet.replicas()) {
        if (name(replica).equals(name)) {
          if (weight != null && configuredWeight(replica) == configuredWeight) {
            replica.weight(weight);
          }
          if (cordoned) {
            replica.cordoned(true);
            fleet.commands().keepCordoned(replica);
          }
        }
      }
    }
  }

  /** A server is called by its place, a worker by its model; several of one by their turn. */
  public String name(Replica replica) {
    synchronized (fleet) {
      String kind = kind(replica);
      int turn = 0;
      for (Replica other : fleet.replicas()) {
        if (other == replica) {
          break;
        }
        turn += kind(other).equals(kind) ? 1 : 0;
      }
      return kind + " " + turn;
    }
  }

  private String kind(Replica replica) {
    String place = replica.local() ? "worker" : fleet.recruits().server(replica).place().name();
    return place + " of " + replica.model();
  }

  /** A replica's share of new work by the configuration. */
  public double configuredWeight(Replica replica) {
    synchronized (fleet) {
      return replica.local() ? 1 : fleet.recruits().server(replica).weight();
    }
  }
}

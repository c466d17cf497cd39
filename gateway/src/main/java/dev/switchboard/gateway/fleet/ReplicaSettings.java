package dev.switchboard.gateway.fleet;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What operators set at replicas outlives the gateway: it is kept elsewhere under names that
 * replicas have at each start with the same configuration. Under the fleet's lock.
 */
public final class ReplicaSettings {
  /** What is kept of replicas that are not there yet; as many pods as a fleet may have. */
  private static final int MOST_AWAITED = 10_000;

  private record Kept(boolean cordoned, @Nullable Double weight, double configuredWeight) {}

  private final Fleet fleet;
  private final Map<String, Kept> awaited = new HashMap<>();

  ReplicaSettings(Fleet fleet) {
    this.fleet = fleet;
  }

  /**
   * Sets what operators had set before this gateway's start. A weight holds only as long as the
   * configuration says what it said then.
   *
   * @param name of a replica, as {@link #name} gives it; one that is not there yet gets it when it
   *     is found
   * @param weight null for the configured one
   */
  public void restore(
      String name, boolean cordoned, @Nullable Double weight, double configuredWeight) {
    synchronized (fleet) {
      Kept kept = new Kept(cordoned, weight, configuredWeight);
      boolean there = false;
      for (Replica replica : fleet.replicas()) {
        if (name(replica).equals(name)) {
          set(replica, kept);
          there = true;
        }
      }
      if (!there && awaited.size() < MOST_AWAITED) {
        awaited.put(name, kept);
      }
    }
  }

  private void set(Replica replica, Kept kept) {
    if (kept.weight() != null && configuredWeight(replica) == kept.configuredWeight()) {
      replica.weight(kept.weight());
    }
    if (kept.cordoned()) {
      replica.cordoned(true);
      fleet.commands().keepCordoned(replica);
    }
  }

  /** Sets what was kept of a replica that was found only now. */
  void joined(Replica replica) {
    Kept kept = replica.pod() == null || awaited.isEmpty() ? null : awaited.remove(name(replica));
    if (kept != null) {
      set(replica, kept);
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
    String place =
        replica.local() ? "worker" : fleet.replicaReconciler().server(replica).place().name();
    return place + " of " + replica.model();
  }

  /** A replica's share of new work by the configuration. */
  public double configuredWeight(Replica replica) {
    synchronized (fleet) {
      return replica.local() ? 1 : fleet.replicaReconciler().server(replica).weight();
    }
  }
}

package dev.switchboard.gateway.fleet;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What operators set at replicas outlives the gateway: it is kept elsewhere under names that
 * replicas have at each start with the same configuration. Under the fleet's lock.
 */
public final class ReplicaSettings {
  /** What is kept of replicas that are not there yet; as many pods as a fleet may have. */
  private static final int MOST_AWAITED = 10_000;

  record Kept(boolean cordoned, @Nullable Double weight, double configuredWeight) {
    static final Kept NOTHING = new Kept(false, null, 1);
  }

  /** What is set at a replica. */
  record Row(Replica replica, Kept kept) {}

  /** Where it is kept; must not wait for the fleet's lock. */
  @FunctionalInterface
  public interface Keeper {
    /**
     * @param name of a replica, as {@link #name} gives it
     * @param weight null for the configured one
     */
    void keep(String name, boolean cordoned, @Nullable Double weight, double configuredWeight);
  }

  private final Fleet fleet;
  private volatile Keeper keeper = (name, cordoned, weight, configured) -> {};
  private final Map<String, Kept> awaited = new HashMap<>();

  ReplicaSettings(Fleet fleet) {
    this.fleet = fleet;
  }

  /** Tells from now on what is to be kept of replicas whose names have changed. */
  public void onRenamed(Keeper wanted) {
    keeper = wanted;
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
      Replica there = named().get(name);
      if (there != null) {
        set(there, kept);
      } else if (awaited.size() < MOST_AWAITED) {
        awaited.put(name, kept);
      }
    }
  }

  private void set(Replica replica, Kept kept) {
    if (kept.weight() != null && configuredWeight(replica) == kept.configuredWeight()) {
      fleet.commands().weigh(replica, kept.weight());
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

  /**
   * A server is called by its place, a worker by its model; several of one by their turn. Those
   * that leave come last: after a restart they are not there, and the others have these names.
   */
  public String name(Replica replica) {
    synchronized (fleet) {
      for (Map.Entry<String, Replica> each : named().entrySet()) {
        if (each.getValue() == replica) {
          return each.getKey();
        }
      }
      return joining(replica);
    }
  }

  /** What one that is not there yet will be called. */
  private String joining(Replica replica) {
    String kind = kind(replica);
    long turn =
        fleet.replicas().stream()
            .filter(other -> !other.leaving() && kind(other).equals(kind))
            .count();
    return kind + " " + turn;
  }

  private Map<String, Replica> named() {
    Map<String, Integer> turns = new HashMap<>();
    Map<String, Replica> named = new LinkedHashMap<>();
    for (boolean leaving : new boolean[] {false, true}) {
      for (Replica replica : fleet.replicas()) {
        if (replica.leaving() == leaving) {
          String kind = kind(replica);
          named.put(kind + " " + (turns.merge(kind, 1, Integer::sum) - 1), replica);
        }
      }
    }
    return named;
  }

  /** What is set now, by name, to be given to {@link #changed} when others are there. */
  Map<String, Row> rows() {
    Map<String, Row> rows = new LinkedHashMap<>();
    named().forEach((name, replica) -> rows.put(name, new Row(replica, kept(replica))));
    return rows;
  }

  private Kept kept(Replica replica) {
    double configured = configuredWeight(replica);
    double weight = replica.weight();
    return new Kept(replica.cordoned(), weight == configured ? null : (Double) weight, configured);
  }

  /** Others are there: what is kept under a name that another one has now is that one's. */
  void changed(Map<String, Row> before) {
    Map<String, Row> now = rows();
    now.forEach(
        (name, row) -> {
          Row was = before.get(name);
          boolean another = was == null || was.replica() != row.replica();
          boolean stale = another && (awaited.remove(name) != null || isSet(was));
          if (another && (stale || isSet(row))) {
            keep(name, row.kept());
          }
        });
    before.forEach(
        (name, was) -> {
          if (isSet(was) && !now.containsKey(name)) {
            keep(name, Kept.NOTHING);
          }
        });
  }

  private static boolean isSet(@Nullable Row row) {
    return row != null && (row.kept().cordoned() || row.kept().weight() != null);
  }

  /** Has kept again what is set at whoever has a name now, or nothing where nobody has it. */
  public void keepAgain(String name) {
    synchronized (fleet) {
      Replica there = named().get(name);
      keep(name, there == null ? Kept.NOTHING : kept(there));
    }
  }

  private void keep(String name, Kept kept) {
    keeper.keep(name, kept.cordoned(), kept.weight(), kept.configuredWeight());
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

package dev.switchboard.console.fleet;

/**
 * A place in the tree of gateways, models, replicas and ranks; empty below where it stands.
 *
 * @param rank as stage.rank
 */
public record FleetNode(String gateway, String model, String replica, String rank) {
  FleetNode(String gateway, String model, String replica) {
    this(gateway, model, replica, "");
  }

  static FleetNode gateway(String gateway) {
    return new FleetNode(gateway, "", "", "");
  }

  public boolean isGateway() {
    return model.isEmpty();
  }

  public boolean isReplica() {
    return !replica.isEmpty() && rank.isEmpty();
  }

  public boolean isRank() {
    return !rank.isEmpty();
  }
}

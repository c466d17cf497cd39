package dev.switchboard.console.fleet;

/** A place in the tree of gateways, models and replicas; empty below where it stands. */
public record FleetNode(String gateway, String model, String replica) {
  static FleetNode gateway(String gateway) {
    return new FleetNode(gateway, "", "");
  }

  public boolean isGateway() {
    return model.isEmpty();
  }

  public boolean isReplica() {
    return !replica.isEmpty();
  }
}

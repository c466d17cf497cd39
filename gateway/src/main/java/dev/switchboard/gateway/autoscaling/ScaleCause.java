package dev.switchboard.gateway.autoscaling;

/** What the number of replicas that are desired goes by. */
public enum ScaleCause {
  /** Places for the load that is expected when a replica started now would be ready. */
  HEADROOM("headroom"),
  /** Tokens that wait. */
  QUEUE("queue"),
  /** KV that sequences hold. */
  KV("kv"),
  /** There are never fewer. */
  FLOOR("floor"),
  /** More are needed, and cannot be: there are never more. */
  CEILING("ceiling"),
  /** What is needed changed, and has to last before the number changes. */
  COOLDOWN("cooldown"),
  /** Nothing was measured yet. */
  UNKNOWN("unknown");

  private final String label;

  ScaleCause(String label) {
    this.label = label;
  }

  /** Its name in answers and metrics. */
  public String label() {
    return label;
  }
}

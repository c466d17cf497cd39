package dev.switchboard.gateway.explain;

/** What holds a request up. */
public enum Culprit {
  /** Nothing: it took what its own tokens take. */
  OWN_WORK("own_work"),
  /** Its connection was accepted late, or its handshake took long. */
  LATE_CONNECTION("late_connection"),
  /** Its body came slowly. */
  SLOW_BODY("slow_body"),
  /** Others stood before it, in the gateway's queue or its replica's. */
  LONG_QUEUE("long_queue"),
  /** No replica could take it for a while. */
  NO_REPLICA("no_replica"),
  /** An attempt failed before the one that served it. */
  RETRY("retry"),
  /** Its stream moved to another replica. */
  MIGRATION("migration"),
  /** Its prompt was in no cache where it went. */
  COLD_PREFIX("cold_prefix"),
  /** Prompts of other requests were computed in its steps. */
  NEIGHBOURS_PREFILL("neighbours_prefill"),
  /** Its blocks were taken back for others, and computed again. */
  PREEMPTION("preemption"),
  /** The other ranks of a stage waited for one. */
  SLOW_RANK("slow_rank"),
  /** Ranks had work and no core, now and then. */
  HOST_CONTENTION("host_contention"),
  /** The whole process of its worker stood still. */
  STOPPED_WORKER("stopped_worker"),
  /** A server that tells nothing of itself took long. */
  SLOW_UPSTREAM("slow_upstream"),
  /** The gateway's event loop did not run. */
  GATEWAY_LATE("gateway_late"),
  /** Its client did not read. */
  SLOW_READER("slow_reader");

  private final String label;

  Culprit(String label) {
    this.label = label;
  }

  public String label() {
    return label;
  }
}

package dev.switchboard.gateway.fleet;

/**
 * What a replica last said of itself.
 *
 * @param atNanos when it arrived, on the gateway's clock
 */
public record ReplicaReport(
    long atNanos,
    int running,
    int waiting,
    long waitingTokens,
    int kvBlocksFree,
    int kvBlocksCached,
    int kvBlocksUsed,
    int stages,
    int ranks) {
  public static final ReplicaReport NONE = new ReplicaReport(0, 0, 0, 0, 0, 0, 0, 0, 0);
}

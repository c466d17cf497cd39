package dev.switchboard.gateway.fleet;

/**
 * What a replica last said of itself.
 *
 * @param atNanos when it arrived, on the gateway's clock
 * @param kvEvictions since it started, as are the tokens after it
 */
public record ReplicaReport(
    long atNanos,
    int running,
    int waiting,
    long waitingTokens,
    int kvBlocksFree,
    int kvBlocksCached,
    int kvBlocksUsed,
    long kvEvictions,
    long prefixLookupTokens,
    long prefixHitTokens,
    int stages,
    int ranks) {
  public static final ReplicaReport NONE = new ReplicaReport(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

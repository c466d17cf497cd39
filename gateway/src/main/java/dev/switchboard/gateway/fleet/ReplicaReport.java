package dev.switchboard.gateway.fleet;

import dev.switchboard.timeline.Collective;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a replica last said of itself.
 *
 * @param atNanos when it arrived, on the gateway's clock
 * @param kvEvictions since it started, as are the tokens, preemptions and steps after it
 * @param loadMs how long its model took to load
 * @param attemptsDigest of the requests that it has of this gateway; null where it does not say
 * @param kvUsedRatio share of its KV that sequences hold; not a number where it does not say
 * @param kvBlockTokens tokens that a block holds; 0 where it does not say
 * @param devices that it may compute on beside the CPU
 * @param isa instruction set that its engine computes with, {@code cuda} and more for devices;
 *     empty where it does not say
 * @param fingerprint of what its answers depend on beside the request; empty where it does not say
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
    long promptTokens,
    long generatedTokens,
    long preemptions,
    long steps,
    long weightBytes,
    long kvBytes,
    long scratchBytes,
    int stages,
    int ranks,
    double loadMs,
    @Nullable Long attemptsDigest,
    List<RankReport> rankReports,
    List<Spread> spreads,
    double kvUsedRatio,
    int kvBlockTokens,
    List<DeviceReport> devices,
    String isa,
    String fingerprint) {
  public static final ReplicaReport NONE =
      new ReplicaReport(
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          null,
          List.of(),
          List.of(),
          Double.NaN,
          0,
          List.of(),
          "",
          "");

  public ReplicaReport {
    rankReports = List.copyOf(rankReports);
    spreads = List.copyOf(spreads);
    devices = List.copyOf(devices);
  }

  /**
   * How far apart the ranks of a stage arrived at one kind of collective since the start: of each
   * step in which the largest spread was at such a one.
   *
   * @param counts between the bounds of {@link Collective#spreadBounds}
   */
  public record Spread(int stage, Collective.Kind kind, double sumMs, List<Long> counts) {
    public Spread {
      counts = List.copyOf(counts);
    }
  }

  /**
   * One rank of the replica's engine.
   *
   * @param ageMs since it finished its last step
   * @param currentMs how long it has been at the present one; 0 while it has none
   * @param score its median step over that of the fastest rank of its stage
   * @param straggler whether it is named for holding up its stage
   * @param lateMs time that others waited for it since the start, as are all times after it
   * @param offCpuMs it had work and no core
   * @param bytes read to compute, and moved to others
   */
  public record RankReport(
      int stage,
      int rank,
      double ageMs,
      double currentMs,
      double score,
      boolean straggler,
      double lateMs,
      double waitedMs,
      long steps,
      double computeMs,
      double allReduceWaitMs,
      double receiveWaitMs,
      double sendMs,
      double sampleMs,
      double copyMs,
      double offCpuMs,
      long bytes) {

    /** The rank of the same place before it did anything. */
    public static RankReport none(RankReport rank) {
      return new RankReport(rank.stage, rank.rank, 0, 0, 1, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }
  }
}

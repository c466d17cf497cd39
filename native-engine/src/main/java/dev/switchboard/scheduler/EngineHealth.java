package dev.switchboard.scheduler;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether every rank still answers.
 *
 * @param failure what took the engine out for good (a hang, a broken invariant); null while it
 *     works
 */
public record EngineHealth(@Nullable String failure, List<RankHeartbeat> ranks) {
  public EngineHealth {
    ranks = List.copyOf(ranks);
  }

  /**
   * @param finishedStep last step this rank finished, ageMillis ago
   * @param currentStep the one it works on; 0 when idle
   * @param currentMillis how long it has
   */
  public record RankHeartbeat(
      int stage,
      int rank,
      long finishedStep,
      long ageMillis,
      long currentStep,
      long currentMillis) {}
}

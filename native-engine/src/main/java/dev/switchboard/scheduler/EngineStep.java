package dev.switchboard.scheduler;

import dev.switchboard.timeline.RequestTimeline.Lane;
import java.util.List;

/**
 * One step of the engine. Times are Unix epoch nanoseconds.
 *
 * @param tokens that it computed, of them so many of prompts
 * @param requests that were in it
 * @param gapOffCpuNanos between it and the step before, the engine had work and no core
 * @param lanes what each rank did in it
 */
public record EngineStep(
    long step,
    long submitNanos,
    long startNanos,
    long endNanos,
    int tokens,
    int promptTokens,
    int requests,
    long gapOffCpuNanos,
    List<Lane> lanes) {
  public EngineStep {
    lanes = List.copyOf(lanes);
  }
}

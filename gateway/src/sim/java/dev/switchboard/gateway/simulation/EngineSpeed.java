package dev.switchboard.gateway.simulation;

/**
 * How fast a replica computes: a step takes a fixed time, some for each sequence that it decodes
 * and some for each prompt token.
 *
 * @param stepTokens most tokens of a step, decoded ones first
 * @param sequences most that run at once
 */
record EngineSpeed(
    double stepMs, double perSequenceMs, double perPromptTokenMs, int stepTokens, int sequences) {

  /**
   * A worker with SmolLM2-135M Q8_0 on two cores. Measured by {@code ./switchboard bench engine}:
   * 204, 393, 770 and 1267 tokens per second with 1, 2, 4 and 8 sequences; 1687 prompt tokens per
   * second.
   */
  static final EngineSpeed MEASURED = new EngineSpeed(4.7, 0.2, 0.593, 128, 32);

  /** The same engine on a machine that is so many times as fast. */
  EngineSpeed times(double factor) {
    return new EngineSpeed(
        stepMs / factor, perSequenceMs / factor, perPromptTokenMs / factor, stepTokens, sequences);
  }
}

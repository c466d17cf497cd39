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

  /**
   * An engine on a device that is far from full: it takes in every prompt that waits at its next
   * step, and a token more for each sequence costs little.
   */
  static final EngineSpeed ROOMY = new EngineSpeed(40, 1, 0.05, 1_000_000, 1000);

  /** The same engine on a machine that is so many times as fast. */
  EngineSpeed times(double factor) {
    return new EngineSpeed(
        stepMs / factor, perSequenceMs / factor, perPromptTokenMs / factor, stepTokens, sequences);
  }

  /** Engine time that a token costs in a batch of so many. */
  double tokenMs(double batch) {
    return perSequenceMs + stepMs / batch;
  }

  /** Engine time that a request costs in the fullest batch, with its shared prefix in the cache. */
  double workMs(Request request) {
    return promptMs(request) + request.outputTokens() * tokenMs(sequences);
  }

  /** Engine time of its prompt. */
  double promptMs(Request request) {
    return perPromptTokenMs * (request.promptTokens() - request.prefixTokens());
  }

  /**
   * Which part of the engine time that a request costs at least is work in the fullest batch; 0
   * where nobody can meet its targets. In a fuller batch every step is longer, by its share of the
   * prompts that are computed in between as well, so targets bound the batch.
   */
  double efficiency(Request request) {
    double stepLimitMs = stepLimitMs(request);
    double longerMs = perSequenceMs + perPromptTokenMs * Traffic.MEAN_PROMPT / Traffic.MEAN_OUTPUT;
    double batch = Math.min(sequences, (stepLimitMs - stepMs) / longerMs);
    boolean possible = stepLimitMs >= stepMs + perSequenceMs;
    double tokens = request.outputTokens() * tokenMs(Math.max(1, batch));
    return possible ? workMs(request) / (promptMs(request) + tokens) : 0;
  }

  private double stepLimitMs(Request request) {
    double tpotMs = request.slo().tpotMs() == 0 ? Double.MAX_VALUE : request.slo().tpotMs();
    int deadlineMs = request.slo().deadlineMs();
    double left = deadlineMs == 0 ? Double.MAX_VALUE : deadlineMs - promptMs(request);
    return Math.min(tpotMs, left / request.outputTokens());
  }
}

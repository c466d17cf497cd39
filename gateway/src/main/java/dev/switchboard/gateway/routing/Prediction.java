package dev.switchboard.gateway.routing;

/**
 * What a replica is expected to do for one request, counted from its being sent there.
 *
 * @param ttftMs expected time to the first token; nine of ten stay below {@code ttftP90Ms}
 * @param tpotMs expected mean time per token after it; nine of ten stay below {@code tpotP90Ms}
 * @param outputTokens of its answer, as many as are usual of late, or fewer where it allows no more
 */
public record Prediction(
    double ttftMs, double ttftP90Ms, double tpotMs, double tpotP90Ms, double outputTokens) {

  /** So far from the median to the ninth decile of a normal distribution. */
  static final double TWO_OF_THREE = 0.336;

  /** The time to the first token that two of three stay below. */
  double likelyTtftMs() {
    return likely(ttftMs, ttftP90Ms);
  }

  /** The time per token that two of three stay below. */
  double likelyTpotMs() {
    return likely(tpotMs, tpotP90Ms);
  }

  private static double likely(double median, double p90) {
    return median > 0 ? median * Math.pow(p90 / median, TWO_OF_THREE) : 0;
  }

  /** When its answer is expected to end. */
  public double endMs() {
    return endMs(outputTokens);
  }

  /** The same if both parts are as late as one in ten is. */
  double endP90Ms() {
    return endP90Ms(outputTokens);
  }

  /** The same for an answer of so many tokens. */
  double endP90Ms(double tokens) {
    return ttftP90Ms + Math.max(0, tokens - 1) * tpotP90Ms;
  }

  /** When an answer of so many tokens is expected to end. */
  double endMs(double tokens) {
    return ttftMs + Math.max(0, tokens - 1) * tpotMs;
  }
}

package dev.switchboard.gateway.routing;

import java.util.List;

/**
 * What a request can expect of the replicas of a model before one is chosen: the shortest times
 * that any of them is predicted to take. Pure.
 *
 * @param ttftMs from its being sent to its first token; {@code ttftP90Ms}: as nine of ten stay
 *     below
 * @param endMs to the end of a usual answer
 * @param likelyEndMs to the end of its answer, as two of three stay below: to refuse what could
 *     have been served costs about as much as to begin what cannot be ended
 */
public record Forecast(double ttftMs, double ttftP90Ms, double endMs, double likelyEndMs) {
  /** Nothing was learned of any replica that could take it. */
  public static final Forecast UNKNOWN =
      new Forecast(Double.NaN, Double.NaN, Double.NaN, Double.NaN);

  /**
   * Looks at the replicas that take work and whose rates are to be believed: the others count as
   * these, and where there are none nothing is held against a request, here and in the {@link
   * Router}.
   *
   * @param outputTokens of its answer at most
   * @param priority of the request: some replicas serve the most urgent first
   */
  public static Forecast of(
      List<ReplicaView> replicas, Prompt prompt, int outputTokens, int priority, long nowNanos) {
    double ttft = Double.NaN;
    double ttftP90 = Double.NaN;
    double end = Double.NaN;
    double likelyEnd = Double.NaN;
    for (ReplicaView replica : replicas) {
      Rates rates = replica.own().rates();
      if (replica.refusal() != null || !rates.believed(nowNanos)) {
        continue;
      }
      Prediction predicted = replica.predict(prompt, outputTokens, priority, nowNanos);
      ttft = least(ttft, predicted.ttftMs());
      ttftP90 = least(ttftP90, predicted.ttftP90Ms());
      end = least(end, predicted.endMs());
      likelyEnd = least(likelyEnd, likelyEndMs(predicted, rates.longAnswer(outputTokens)));
    }
    return Double.isNaN(ttft) ? UNKNOWN : new Forecast(ttft, ttftP90, end, likelyEnd);
  }

  /** Both parts are late together as rarely as independent ones are. */
  private static double likelyEndMs(Prediction predicted, double tokens) {
    double rest = Math.max(0, tokens - 1);
    double first = predicted.ttftP90Ms() - predicted.ttftMs();
    double others = rest * (predicted.tpotP90Ms() - predicted.tpotMs());
    double median = predicted.ttftMs() + rest * predicted.tpotMs();
    return median + Prediction.TWO_OF_THREE * Math.hypot(first, others);
  }

  private static double least(double known, double other) {
    return Double.isNaN(known) ? other : Math.min(known, other);
  }

  public boolean known() {
    return !Double.isNaN(ttftMs);
  }
}

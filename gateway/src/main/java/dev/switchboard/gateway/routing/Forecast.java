package dev.switchboard.gateway.routing;

import java.util.List;

/**
 * What a request can expect of the replicas of a model before one is chosen: the shortest times
 * that any of them is predicted to take. Pure.
 *
 * @param ttftMs from its being sent to its first token; {@code ttftP90Ms}: as nine of ten stay
 *     below
 * @param endP90Ms to the end of its answer, as nine of ten stay below
 */
public record Forecast(double ttftMs, double ttftP90Ms, double endP90Ms) {
  /** Nothing was learned of any replica that could take it. */
  public static final Forecast UNKNOWN = new Forecast(Double.NaN, Double.NaN, Double.NaN);

  /**
   * Looks at the replicas that take work and that something was learned of.
   *
   * @param promptTokens that have to be computed
   * @param outputTokens of its answer at most
   */
  public static Forecast of(
      List<ReplicaView> replicas, int promptTokens, int outputTokens, long nowNanos) {
    double ttft = Double.NaN;
    double ttftP90 = Double.NaN;
    double end = Double.NaN;
    for (ReplicaView replica : replicas) {
      Workload.Snapshot own = replica.own();
      if (!replica.routable() || own.rates().samples() == 0) {
        continue;
      }
      Prediction predicted =
          own.rates()
              .predict(replica.load(), promptTokens, outputTokens, own.overdueMs(), nowNanos);
      double rest = Math.max(0, predicted.outputTokens() - 1) * predicted.tpotP90Ms();
      ttft = Double.isNaN(ttft) ? predicted.ttftMs() : Math.min(ttft, predicted.ttftMs());
      ttftP90 =
          Double.isNaN(ttftP90) ? predicted.ttftP90Ms() : Math.min(ttftP90, predicted.ttftP90Ms());
      double ends = predicted.ttftP90Ms() + rest;
      end = Double.isNaN(end) ? ends : Math.min(end, ends);
    }
    return Double.isNaN(ttft) ? UNKNOWN : new Forecast(ttft, ttftP90, end);
  }

  public boolean known() {
    return !Double.isNaN(ttftMs);
  }
}

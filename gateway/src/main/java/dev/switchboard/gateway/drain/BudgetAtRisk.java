package dev.switchboard.gateway.drain;

import dev.switchboard.gateway.drain.DrainPlan.Forecast;
import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a drain burns of a service class's error budget: the requests that should meet their targets
 * where they are, and would miss one because they go elsewhere and are computed anew there. Pure.
 *
 * @param requests of the class that are there
 * @param atRisk those among them
 */
public record BudgetAtRisk(String sloClass, int requests, int atRisk) {
  private static final double MS = 1e6;

  /** By class. */
  static List<BudgetAtRisk> of(List<Forecast> forecasts, long graceMs, long nowNanos) {
    Map<String, int[]> counts = new TreeMap<>();
    for (Forecast forecast : forecasts) {
      String name = forecast.request().wanted().slo().name();
      int[] count = counts.computeIfAbsent(name, first -> new int[2]);
      count[0]++;
      count[1] += atRisk(forecast, graceMs, nowNanos) ? 1 : 0;
    }
    List<BudgetAtRisk> all = new ArrayList<>();
    counts.forEach((name, count) -> all.add(new BudgetAtRisk(name, count[0], count[1])));
    return List.copyOf(all);
  }

  private static boolean atRisk(Forecast forecast, long graceMs, long nowNanos) {
    Slo slo = forecast.request().wanted().slo();
    double waitedMs = (nowNanos - forecast.request().wanted().acceptedNanos()) / MS;
    return switch (forecast.fate()) {
      case FINISH, WAIT -> false;
      case RESTART ->
          between(slo.ttftMs(), waitedMs, waitedMs + graceMs + forecast.costMs())
              || lateEnd(forecast, slo, waitedMs, (double) graceMs);
      case MIGRATE -> slowTokens(forecast, slo, nowNanos) || lateEnd(forecast, slo, waitedMs, 0);
    };
  }

  /**
   * @param lostMs of what it did until it goes
   */
  private static boolean lateEnd(Forecast forecast, Slo slo, double waitedMs, double lostMs) {
    double inPlace = waitedMs + forecast.remainingMs();
    return between(slo.deadlineMs(), inPlace, inPlace + lostMs + forecast.costMs());
  }

  /** The pause is shared out over all of its tokens. */
  private static boolean slowTokens(Forecast forecast, Slo slo, long nowNanos) {
    StreamState request = forecast.request();
    double soFarMs = (nowNanos - request.firstTokenNanos()) / MS;
    double tokenMs = request.tokenMs(slo.tpotMs(), nowNanos);
    if (tokenMs <= 0) {
      return false;
    }
    double tokens = request.tokens() + forecast.remainingMs() / tokenMs - 1;
    double inPlace = (soFarMs + forecast.remainingMs()) / Math.max(1, tokens);
    double elsewhere = (soFarMs + forecast.remainingMs() + forecast.costMs()) / Math.max(1, tokens);
    return between(slo.tpotMs(), inPlace, elsewhere);
  }

  /** Whether a target would be met where it is, and not elsewhere; no target is no risk. */
  private static boolean between(double target, double inPlace, double elsewhere) {
    return target > 0 && inPlace <= target && elsewhere > target;
  }
}

package dev.switchboard.console.slo;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * A request that missed an objective.
 *
 * @param objective by which it was the latest, as the admin API calls it
 * @param isMs what it took there; NaN where it failed instead
 * @param wantedMs of its class; NaN where it asked for something else itself
 * @param lateMs how much later than wanted its client had what it waited for; 0 where that is not
 *     known
 * @param waitedFor ranks that held it up, as stage.rank
 */
public record WorstRow(
    String id,
    String accepted,
    String serviceClass,
    String model,
    String replica,
    String objective,
    double isMs,
    double wantedMs,
    double lateMs,
    String waitedFor) {

  /** Of a line of the requests. */
  static WorstRow of(JsonNode r, Map<String, ClassRow> classes) {
    ClassRow held = classes.get(r.path("slo_class").asString(""));
    Miss worst = new Miss("availability", Double.NaN, Double.NaN, 0);
    for (JsonNode objective : r.path("slo_missed")) {
      Miss miss = Miss.of(objective.asString(""), r, held);
      boolean first = Double.isNaN(worst.isMs()) && !Double.isNaN(miss.isMs());
      worst = first || miss.lateMs() > worst.lateMs() ? miss : worst;
    }
    StringBuilder ranks = new StringBuilder();
    r.path("waited_for")
        .forEach(w -> ranks.append(ranks.isEmpty() ? "" : ", ").append(w.asString("")));
    return new WorstRow(
        r.path("id").asString(""),
        r.path("accepted_at").asString(""),
        r.path("slo_class").asString(""),
        r.path("model").asString(""),
        r.path("replica").asString(""),
        worst.objective(),
        worst.isMs(),
        worst.wantedMs(),
        worst.lateMs(),
        ranks.toString());
  }

  private record Miss(String objective, double isMs, double wantedMs, double lateMs) {
    static Miss of(String objective, JsonNode r, @Nullable ClassRow held) {
      double is =
          switch (objective) {
            case "ttft", "tpot" -> r.path(objective + "_ms").asDouble(Double.NaN);
            case "deadline" -> r.path("wall_ms").asDouble(Double.NaN);
            default -> Double.NaN;
          };
      double wanted = wanted(objective, held);
      // Each token after the first one was so much later.
      double times =
          objective.equals("tpot") ? Math.max(1, r.path("completion_tokens").asDouble(1) - 1) : 1;
      boolean own = Double.isNaN(is) || Double.isNaN(wanted) || is <= wanted;
      return new Miss(objective, is, own ? Double.NaN : wanted, own ? 0 : (is - wanted) * times);
    }

    private static double wanted(String objective, @Nullable ClassRow held) {
      double target =
          held == null
              ? 0
              : switch (objective) {
                case "ttft" -> held.ttftMs();
                case "tpot" -> held.tpotMs();
                case "deadline" -> held.deadlineMs();
                default -> 0;
              };
      return target > 0 ? target : Double.NaN;
    }
  }
}

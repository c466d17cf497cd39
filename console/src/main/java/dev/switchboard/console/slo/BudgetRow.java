package dev.switchboard.console.slo;

import dev.switchboard.console.ui.Format;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * The error budget of one objective of a class.
 *
 * @param left share that is not used up; below 0 where more was
 * @param burn how many times as fast as allowed, in the order of {@link #SPANS}; NaN without
 *     requests
 */
public record BudgetRow(
    String serviceClass,
    String objective,
    double share,
    int windowDays,
    double met,
    double missed,
    double allowed,
    double left,
    List<Double> burn) {
  /** Over which burn is told. */
  public static final List<String> SPANS = List.of("1h", "6h", "1d", "3d", "30d");

  /** Copies the list. */
  public BudgetRow {
    burn = List.copyOf(burn);
  }

  static BudgetRow of(JsonNode serviceClass, String objective, JsonNode b) {
    List<Double> burn = new ArrayList<>();
    SPANS.forEach(s -> burn.add(b.path("burn").path(s).path("rate").asDouble(Double.NaN)));
    return new BudgetRow(
        serviceClass.path("class").asString(""),
        objective,
        serviceClass.path("objective").asDouble(Double.NaN),
        serviceClass.path("window_days").asInt(30),
        b.path("met").asDouble(0),
        b.path("missed").asDouble(0),
        b.path("allowed_misses").asDouble(0),
        b.path("budget_left").asDouble(1),
        burn);
  }

  boolean used() {
    return met + missed > 0;
  }

  /** When the budget is used up if it burns on as in the last six hours. */
  String forecast() {
    double rate = burn.get(1);
    if (left <= 0) {
      return "used up";
    }
    if (Double.isNaN(rate) || rate <= 0) {
      return "does not burn";
    }
    double days = left * windowDays / rate;
    return days > windowDays
        ? "lasts"
        : "used up in " + Format.duration(Duration.ofMinutes((long) (days * 24 * 60)));
  }
}

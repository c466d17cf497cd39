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
 * @param counted requests of each of {@link #SPANS}; NaN where the gateway does not tell them
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
    List<Double> burn,
    List<Double> counted) {
  /** Over which burn is told. */
  public static final List<String> SPANS = List.of("1h", "6h", "1d", "3d", "30d");

  /** Copies the list. */
  public BudgetRow {
    burn = List.copyOf(burn);
    counted = List.copyOf(counted);
  }

  /** A span as a person reads it. */
  static String words(int span) {
    return SPANS.get(span).replaceFirst("[hd]$", " $0");
  }

  /** The shortest span that has the same requests, as no older ones are known; else empty. */
  String sameAs(int span) {
    for (int shorter = 0; shorter < span; shorter++) {
      if (counted.get(span) > 0 && counted.get(span).equals(counted.get(shorter))) {
        return words(shorter);
      }
    }
    return "";
  }

  static BudgetRow of(JsonNode serviceClass, String objective, JsonNode b) {
    List<Double> burn = new ArrayList<>();
    List<Double> counted = new ArrayList<>();
    for (String span : SPANS) {
      JsonNode of = b.path("burn").path(span);
      burn.add(of.path("rate").asDouble(Double.NaN));
      counted.add(of.path("met").asDouble(Double.NaN) + of.path("missed").asDouble(Double.NaN));
    }
    return new BudgetRow(
        serviceClass.path("class").asString(""),
        objective,
        serviceClass.path("objective").asDouble(Double.NaN),
        serviceClass.path("window_days").asInt(30),
        b.path("met").asDouble(0),
        b.path("missed").asDouble(0),
        b.path("allowed_misses").asDouble(0),
        b.path("budget_left").asDouble(1),
        burn,
        counted);
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

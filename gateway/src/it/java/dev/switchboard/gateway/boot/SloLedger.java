package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.telemetry.Metric;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What became of requests, once as the metrics of gateways count it and once as the store has it:
 * every objective, cause, lateness in microseconds and classic bucket under the same name. What is
 * zero is left out.
 */
final class SloLedger {
  private static final Pattern LINE =
      Pattern.compile("switchboard_(\\w+)\\{([^}]*)} ([0-9.E+-]+)(?: .*)?");
  private static final Pattern LABEL = Pattern.compile("(\\w+)=\"([^\"]*)\"");
  private static final Map<String, Metric> TIMES =
      Map.of("ttft", Metric.TTFT, "tpot", Metric.TPOT, "wall", Metric.REQUEST);

  private final Map<String, Long> counts = new TreeMap<>();

  /** What a gateway's metrics say. */
  static SloLedger metrics(String scraped) {
    SloLedger ledger = new SloLedger();
    scraped.lines().map(LINE::matcher).filter(Matcher::matches).forEach(ledger::line);
    return ledger;
  }

  private void line(Matcher line) {
    Map<String, String> labels = new TreeMap<>();
    LABEL.matcher(line.group(2)).results().forEach(one -> labels.put(one.group(1), one.group(2)));
    String of = labels.get("model") + " " + labels.get("class") + " ";
    double value = Double.parseDouble(line.group(3));
    long count = (long) value;
    switch (line.group(1)) {
      case "slo_requests_total" ->
          add(of + labels.get("objective") + " " + labels.get("result"), count);
      case "slo_misses_total" ->
          add(of + labels.get("objective") + " for " + labels.get("cause"), count);
      case "slo_late_seconds_total" ->
          add(
              of + labels.get("objective") + " late for " + labels.get("cause"),
              Math.round(value * 1e6));
      case "ttft_seconds_bucket" -> bucket(of + "ttft", labels, count);
      case "tpot_seconds_bucket" -> bucket(of + "tpot", labels, count);
      case "request_seconds_bucket" -> bucket(of + "wall", labels, count);
      default -> {}
    }
  }

  private void bucket(String name, Map<String, String> labels, long count) {
    String bound = Objects.requireNonNull(labels.get("le"));
    add(bound.equals("+Inf") ? name + " all" : name + " " + Double.parseDouble(bound), count);
  }

  private void add(String name, long count) {
    if (count != 0) {
      counts.merge(name, count, Long::sum);
    }
  }

  /** The same with another's. */
  SloLedger plus(SloLedger other) {
    SloLedger both = new SloLedger();
    counts.forEach(both::add);
    other.counts.forEach(both::add);
    return both;
  }

  /** What {@code GET /admin/v1/slo?buckets=true} says. */
  static SloLedger history(JsonNode answer) {
    SloLedger ledger = new SloLedger();
    answer.path("hours").forEach(ledger::hour);
    return ledger;
  }

  private void hour(JsonNode hour) {
    String of = hour.path("model").asText() + " " + hour.path("class").asText() + " ";
    hour.path("objectives")
        .properties()
        .forEach(
            objective -> {
              String name = of + objective.getKey() + " ";
              add(name + "met", objective.getValue().path("met").asLong());
              add(name + "missed", objective.getValue().path("missed").asLong());
              objective
                  .getValue()
                  .path("causes")
                  .properties()
                  .forEach(cause -> add(name + "for " + cause.getKey(), cause.getValue().asLong()));
              objective
                  .getValue()
                  .path("late_ms")
                  .properties()
                  .forEach(
                      late ->
                          add(
                              name + "late for " + late.getKey(),
                              Math.round(late.getValue().asDouble() * 1e3)));
            });
    TIMES.forEach((time, metric) -> times(of + time, metric, hour.path("times").path(time)));
  }

  private void times(String name, Metric metric, JsonNode told) {
    add(name + " all", told.path("count").asLong());
    for (double bound : Objects.requireNonNull(metric.buckets()).bounds()) {
      long below = 0;
      for (JsonNode bucket : told.path("buckets")) {
        boolean within =
            !bucket.path("le_ms").isNull()
                && bucket.path("le_ms").asDouble() <= Math.round(bound * 1e6) / 1e3;
        below += within ? bucket.path("count").asLong() : 0;
      }
      add(name + " " + bound, below);
    }
  }

  long count(String name) {
    return counts.getOrDefault(name, 0L);
  }

  /** All that ended. */
  long requests() {
    return sum(" wall all");
  }

  /** All that were answered. */
  long answered() {
    return sum(" availability met");
  }

  private long sum(String names) {
    return counts.entrySet().stream()
        .filter(each -> each.getKey().endsWith(names))
        .mapToLong(Map.Entry::getValue)
        .sum();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SloLedger same && counts.equals(same.counts);
  }

  @Override
  public int hashCode() {
    return counts.hashCode();
  }

  @Override
  public String toString() {
    return counts.toString();
  }
}

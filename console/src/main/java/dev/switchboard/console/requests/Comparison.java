package dev.switchboard.console.requests;

import dev.switchboard.console.ui.Format;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** Two requests, phase by phase. */
final class Comparison {
  /** A phase and how long each spent there. */
  record Phase(String name, double firstMs, double secondMs) {
    double more() {
      return secondMs - firstMs;
    }
  }

  private final JsonNode first;
  private final JsonNode second;

  Comparison(JsonNode first, JsonNode second) {
    this.first = first;
    this.second = second;
  }

  /** Those that differ most first. */
  List<Phase> phases() {
    Map<String, double[]> times = new LinkedHashMap<>();
    add(times, first, 0);
    add(times, second, 1);
    List<Phase> phases = new ArrayList<>();
    times.forEach((name, ms) -> phases.add(new Phase(name, ms[0], ms[1])));
    phases.sort(Comparator.comparingDouble((Phase p) -> Math.abs(p.more())).reversed());
    return phases;
  }

  private static void add(Map<String, double[]> times, JsonNode timeline, int which) {
    for (Receipt.Bar bar : new Receipt(timeline).phases()) {
      times.computeIfAbsent(bar.name(), _ -> new double[2])[which] += bar.ms();
    }
  }

  /** Which one took longer, and where. */
  String sentence() {
    double more = wall(second) - wall(first);
    if (Math.abs(more) < 0.005) {
      return "Both took " + Format.millis(wall(first)) + ".";
    }
    StringBuilder text = new StringBuilder("The second took ");
    text.append(Format.millis(Math.abs(more))).append(more > 0 ? " longer" : " less");
    text.append(": ").append(Format.millis(wall(second)));
    text.append(" instead of ").append(Format.millis(wall(first))).append('.');
    phases().stream()
        .filter(p -> p.more() * more > 0)
        .findFirst()
        .ifPresent(
            p ->
                text.append(" Most of that, ")
                    .append(Format.millis(Math.abs(p.more())))
                    .append(", is in ")
                    .append(p.name())
                    .append('.'));
    return text.toString();
  }

  private static double wall(JsonNode timeline) {
    return timeline.path("wall_ms").asDouble(0);
  }

  /** Rows of what else differs: name, first, second. */
  List<List<String>> facts() {
    List<List<String>> rows = new ArrayList<>();
    for (String field : List.of("model", "replica", "slo_class", "tenant", "outcome")) {
      String name = field.equals("slo_class") ? "Service class" : capital(field);
      rows.add(List.of(name, text(first, field), text(second, field)));
    }
    count(rows, "Prompt tokens", "prompt_tokens");
    count(rows, "Cached tokens", "cached_tokens");
    count(rows, "Generated tokens", "completion_tokens");
    count(rows, "Migrations", "migrations");
    time(rows, "First token", "ttft_ms");
    time(rows, "Per token", "tpot_ms");
    time(rows, "Longest gap", "longest_gap_ms");
    time(rows, "Wall time", "wall_ms");
    return rows;
  }

  private static String capital(String word) {
    return Character.toUpperCase(word.charAt(0)) + word.substring(1);
  }

  private static String text(JsonNode node, String field) {
    return node.path(field).asString(Format.NONE);
  }

  private void count(List<List<String>> rows, String name, String field) {
    rows.add(
        List.of(
            name,
            Format.number(first.path(field).asDouble(Double.NaN)),
            Format.number(second.path(field).asDouble(Double.NaN))));
  }

  private void time(List<List<String>> rows, String name, String field) {
    rows.add(
        List.of(
            name,
            Format.millis(first.path(field).asDouble(Double.NaN)),
            Format.millis(second.path(field).asDouble(Double.NaN))));
  }

  /** Rows of phases: name, first, second, how much more. */
  List<List<String>> rows() {
    List<List<String>> rows = new ArrayList<>();
    for (Phase p : phases()) {
      String sign = p.more() > 0 ? "+" : "−";
      String more = Math.abs(p.more()) < 0.005 ? "0 ms" : sign + Format.millis(Math.abs(p.more()));
      rows.add(List.of(p.name(), Format.millis(p.firstMs()), Format.millis(p.secondMs()), more));
    }
    return rows;
  }
}

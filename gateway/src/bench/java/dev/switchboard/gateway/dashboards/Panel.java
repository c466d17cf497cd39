package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a picture needs to know of a panel.
 *
 * @param min what its axis begins at, unless its values are below; NaN where they say
 * @param max what its axis ends at; NaN where the values say
 * @param stacked its lines stand on each other
 * @param words what values mean that are states
 */
record Panel(
    String type,
    String title,
    String description,
    String unit,
    int x,
    int y,
    int w,
    int h,
    double min,
    double max,
    boolean stacked,
    List<Threshold> thresholds,
    SortedMap<Double, String> words,
    List<Target> targets) {
  private static final Pattern METRIC = Pattern.compile("([a-zA-Z_:][\\w:]*)\\{");
  private static final Pattern LABEL = Pattern.compile("\\{\\{\\s*(\\w+)\\s*}}");

  /** A colour that holds from a value on. */
  record Threshold(double from, String color) {}

  /**
   * An expression, and what its series are called.
   *
   * @param alone they are lines over the stack of the panel's others
   */
  record Target(String expression, String legend, boolean alone) {

    /** As Grafana would ask with every variable at "All". */
    String asked(int scrapeSeconds) {
      return expression
          .replace("$__rate_interval", 4 * scrapeSeconds + "s")
          .replaceAll("\\$\\w+", ".+");
    }

    /** The first metric that it names. */
    String metric() {
      Matcher metric = METRIC.matcher(expression);
      return metric.find() ? metric.group(1) : expression;
    }

    /** A series' own name. */
    String label(JsonNode labels) {
      return LABEL
          .matcher(legend)
          .replaceAll(name -> Matcher.quoteReplacement(labels.path(name.group(1)).asText()))
          .strip();
    }
  }

  static Panel of(JsonNode json) {
    JsonNode at = json.path("gridPos");
    JsonNode defaults = json.path("fieldConfig").path("defaults");
    List<Threshold> thresholds = new ArrayList<>();
    for (JsonNode step : defaults.path("thresholds").path("steps")) {
      thresholds.add(
          new Threshold(
              step.path("value").asDouble(Double.NEGATIVE_INFINITY), step.path("color").asText()));
    }
    Set<String> alone = alone(json.at("/fieldConfig/overrides"));
    List<Target> targets = new ArrayList<>();
    for (JsonNode target : json.path("targets")) {
      targets.add(
          new Target(
              target.path("expr").asText(),
              target.path("legendFormat").asText(),
              alone.contains(target.path("refId").asText())));
    }
    return new Panel(
        json.path("type").asText(),
        json.path("title").asText(),
        json.path("description").asText(),
        defaults.path("unit").asText(),
        at.path("x").asInt(),
        at.path("y").asInt(),
        at.path("w").asInt(),
        at.path("h").asInt(),
        defaults.path("min").asDouble(Double.NaN),
        defaults.path("max").asDouble(Double.NaN),
        defaults.path("custom").path("stacking").path("mode").asText().equals("normal"),
        thresholds,
        words(defaults.path("mappings")),
        targets);
  }

  private static SortedMap<Double, String> words(JsonNode mappings) {
    SortedMap<Double, String> words = new TreeMap<>();
    for (JsonNode mapping : mappings) {
      for (Map.Entry<String, JsonNode> option : mapping.path("options").properties()) {
        words.put(Double.valueOf(option.getKey()), option.getValue().path("text").asText());
      }
    }
    return words;
  }

  /** The queries that an override takes out of the stack. */
  private static Set<String> alone(JsonNode overrides) {
    Set<String> alone = new HashSet<>();
    for (JsonNode override : overrides) {
      for (JsonNode property : override.path("properties")) {
        if (property.path("id").asText().equals("custom.stacking")
            && property.at("/value/mode").asText().equals("none")) {
          alone.add(override.at("/matcher/options").asText());
        }
      }
    }
    return alone;
  }

  /** A value as it is told: what it means, or with its unit. */
  String text(double value) {
    String word = words.get(value);
    return word == null ? Scale.of(unit, value).text(value) : word;
  }

  /** The name of the threshold's colour that a value has; green where there are none. */
  String color(double value) {
    String color = "green";
    for (Threshold threshold : thresholds) {
      color = value >= threshold.from() ? threshold.color() : color;
    }
    return color;
  }
}

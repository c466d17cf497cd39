package dev.switchboard.console.system;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/**
 * A key of a gateway's configuration.
 *
 * @param value as JSON, a text without its quotes; empty where it is not told
 * @param origin default, file, flag, environment or store; empty where the gateway does not say
 * @param where the line of the file, the flag, the variable, or who set it
 */
public record ConfigRow(String key, String value, String origin, String where) {
  /** As the admin API calls them. */
  public static final List<String> ORIGINS =
      List.of("default", "file", "flag", "environment", "store");

  /** Of upstreams[0].url upstreams, [0] and url. */
  private static final Pattern PART = Pattern.compile("\\[[^]]*]|[^.\\[]+");

  private static final String ORIGINS_OF_KEYS = "origins";

  /** All keys of the answer of /admin/v1/config, by name. */
  static List<ConfigRow> all(JsonNode config) {
    Map<String, ConfigRow> rows = new TreeMap<>();
    config
        .properties()
        .forEach(
            each -> {
              if (!each.getKey().equals(ORIGINS_OF_KEYS)) {
                leaves(each.getKey(), each.getValue(), rows);
              }
            });
    config
        .path(ORIGINS_OF_KEYS)
        .properties()
        .forEach(each -> rows.put(each.getKey(), of(each.getKey(), config, each.getValue())));
    return List.copyOf(rows.values());
  }

  private static void leaves(String key, JsonNode node, Map<String, ConfigRow> rows) {
    if (node.isObject() && !node.isEmpty()) {
      node.properties().forEach(each -> leaves(key + "." + each.getKey(), each.getValue(), rows));
    } else {
      rows.put(key, new ConfigRow(key, text(node), "", ""));
    }
  }

  private static ConfigRow of(String key, JsonNode config, JsonNode origin) {
    String from = origin.path("origin").asString("");
    return switch (from) {
      case "file" ->
          new ConfigRow(
              key,
              value(key, config),
              from,
              origin.path("file").asString("") + ", line " + origin.path("line").asInt(0));
      case "flag" -> new ConfigRow(key, value(key, config), from, origin.path("flag").asString(""));
      case "environment" ->
          new ConfigRow(key, "", from, "$" + origin.path("variable").asString(""));
      // What the configuration has there is not in force.
      case "store" -> new ConfigRow(key, "", from, "set by the admin API");
      default -> new ConfigRow(key, value(key, config), from, "");
    };
  }

  private static String value(String key, JsonNode config) {
    JsonNode node = config;
    for (MatchResult match : PART.matcher(key).results().toList()) {
      String part = match.group();
      node = part.startsWith("[") ? node.path(index(part)) : node.path(part);
    }
    return text(node);
  }

  private static int index(String part) {
    String digits = part.substring(1, part.length() - 1);
    return digits.matches("[0-9]{1,6}") ? Integer.parseInt(digits) : -1;
  }

  private static String text(JsonNode node) {
    return node instanceof MissingNode
        ? ""
        : node.isString() ? node.stringValue() : node.toString();
  }

  /** Whether it has the text in it, without regard to case, and is from there. */
  boolean matches(String text, String from) {
    String wanted = text.strip().toLowerCase(Locale.ROOT);
    String all = key + "\n" + value + "\n" + where;
    return (from.isEmpty() || from.equals(origin)) && all.toLowerCase(Locale.ROOT).contains(wanted);
  }
}

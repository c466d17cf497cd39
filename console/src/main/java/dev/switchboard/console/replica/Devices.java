package dev.switchboard.console.replica;

import dev.switchboard.console.ui.Format;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/**
 * What a worker tells of the devices that it computes on. Which facts there are differs by device
 * and by the worker's version: all that are numbers or texts are shown, with the unit that their
 * name ends in.
 */
final class Devices {
  /** Eight devices with all that they tell. */
  private static final int FACTS_MAX = 320;

  private static final Pattern SHORT =
      Pattern.compile("\\b(ecc|mig|pci|uuid|l2)\\b", Pattern.CASE_INSENSITIVE);

  private Devices() {}

  /** Names and values, in the order in which they came; none of a worker that tells none. */
  static Map<String, String> facts(JsonNode state) {
    Map<String, String> facts = new LinkedHashMap<>();
    JsonNode devices =
        state.path("devices").isArray() ? state.path("devices") : state.path("device");
    if (devices.isObject()) {
      add(facts, "", devices);
    } else if (devices.isArray()) {
      for (int i = 0; i < devices.size(); i++) {
        add(facts, devices.size() > 1 ? "Device " + i + ": " : "", devices.path(i));
      }
    }
    return facts;
  }

  private static void add(Map<String, String> facts, String before, JsonNode device) {
    device
        .properties()
        .forEach(
            fact -> {
              String value = value(fact.getKey(), fact.getValue());
              if (!value.isEmpty() && facts.size() < FACTS_MAX) {
                facts.put(before + name(fact.getKey()), value);
              }
            });
  }

  private static String name(String field) {
    if (field.equals("device")) {
      return "CUDA number"; // "Device" is what all of it computes on
    }
    String bare = field.replaceFirst("_(bytes|ratio|ms|celsius|watts|mhz|gb_per_s)$", "");
    String words = bare.replace('_', ' ');
    if (words.isEmpty()) {
      return field;
    }
    String name = Character.toUpperCase(words.charAt(0)) + words.substring(1);
    return SHORT.matcher(name).replaceAll(found -> found.group().toUpperCase(Locale.ROOT));
  }

  /** Of a list of texts; empty of any other. */
  private static String texts(JsonNode list) {
    return list.valueStream()
        .filter(JsonNode::isString)
        .map(each -> each.stringValue().replace('_', ' '))
        .collect(Collectors.joining(", "));
  }

  private static String value(String field, JsonNode value) {
    if (value.isString()) {
      return value.stringValue();
    }
    if (value.isArray()) {
      return texts(value);
    }
    if (value.isBoolean()) {
      return value.asBoolean(false) ? "yes" : "no";
    }
    if (!value.isNumber()) {
      return "";
    }
    double number = value.asDouble(Double.NaN);
    return switch (field.substring(field.lastIndexOf('_') + 1)) {
      case "bytes" -> Format.bytes(number);
      case "ratio" -> Format.percent(Math.rint(number * 1000) / 1000);
      case "ms" -> Format.millis(number);
      case "celsius" -> Format.number(number) + " °C";
      case "watts" -> Format.number(number) + " W";
      case "mhz" -> Format.number(number) + " MHz";
      case "s" -> Format.number(number) + (field.endsWith("gb_per_s") ? " GB/s" : " s");
      default -> Format.number(number);
    };
  }
}

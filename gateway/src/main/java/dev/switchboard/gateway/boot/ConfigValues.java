package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.slo.SloConfig;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes the records of a tree. Their constructors check the values and stop at the first that is
 * wrong; that one is then replaced by a good one and the record made again, so that each wrong
 * value is told once.
 */
final class ConfigValues {
  static final ObjectMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .build();

  private final List<ConfigFault> faults;
  private final Map<String, Integer> lines;

  /** Some item of a list could not be understood, so that its names say nothing. */
  private boolean guessed;

  ConfigValues(List<ConfigFault> faults, Map<String, Integer> lines) {
    this.faults = faults;
    this.lines = lines;
  }

  /** Whether items are missing whose names others may mean. */
  boolean guessed() {
    return guessed;
  }

  /** The configuration, with good values in the place of wrong ones; null if nothing helps. */
  @Nullable GatewayConfig of(ObjectNode tree) {
    inherit(tree);
    ObjectNode defaults = ConfigReader.defaults();
    nested(GatewayConfig.class, tree, defaults, "");
    try {
      GatewayConfig config = JSON.treeToValue(tree, GatewayConfig.class);
      config.mistakes((path, message) -> fault(path, message, null));
      return config;
    } catch (JsonProcessingException e) {
      fault("", message(e), null);
      return null;
    }
  }

  /**
   * A service class has what it does not say from the default one of its name, or from standard.
   */
  private static void inherit(ObjectNode tree) {
    for (JsonNode each : tree.at("/slo/classes")) {
      if (each instanceof ObjectNode own) {
        String name = own.path("name").asText();
        SloConfig.SloClass from =
            SloConfig.DEFAULTS.classes().stream()
                .filter(known -> known.name().equals(name))
                .findFirst()
                .orElse(SloConfig.STANDARD);
        ObjectNode all = JSON.valueToTree(from);
        all.remove("name");
        all.properties()
            .forEach(
                value -> {
                  if (!own.has(value.getKey())) {
                    own.set(value.getKey(), value.getValue());
                  }
                });
      }
    }
  }

  private int line(String path) {
    String at = path;
    while (!at.isEmpty()) {
      Integer line = lines.get(at);
      if (line != null) {
        return line;
      }
      at =
          at.endsWith("]")
              ? at.replaceFirst("\\[\\d+]$", "")
              : at.replaceFirst("(^|\\.)[^.]*$", "");
    }
    return 0;
  }

  private void fault(String path, String message, @Nullable String advice) {
    faults.add(new ConfigFault(path, line(path), message, advice));
  }

  /** What stands in a record, but not the record itself. */
  private void nested(Class<?> type, ObjectNode node, @Nullable JsonNode defaults, String path) {
    for (Map.Entry<String, RecordComponent> each : ConfigShape.keys(type).entrySet()) {
      String own = path.isEmpty() ? each.getKey() : path + "." + each.getKey();
      JsonNode value = node.get(each.getKey());
      Class<?> element = ConfigShape.element(each.getValue().getGenericType());
      if (element != null && element.isRecord() && value instanceof ArrayNode items) {
        items(element, items, own);
      } else if (each.getValue().getType().isRecord() && value instanceof ObjectNode inner) {
        settle(
            each.getValue().getType(),
            inner,
            defaults == null ? null : defaults.get(each.getKey()),
            own);
      }
    }
  }

  private void items(Class<?> element, ArrayNode items, String path) {
    for (int i = items.size() - 1; i >= 0; i--) {
      if (!(items.get(i) instanceof ObjectNode item)
          || !settle(element, item, null, path + "[" + i + "]")) {
        items.remove(i);
        guessed = true;
      }
    }
  }

  /** Makes a record until it is good; says whether it is. */
  private boolean settle(Class<?> type, ObjectNode node, @Nullable JsonNode defaults, String path) {
    nested(type, node, defaults, path);
    Set<String> repaired = new HashSet<>();
    Collection<String> keys = ConfigShape.keys(type).keySet();
    for (int i = 0; i <= 2 * keys.size(); i++) {
      String message = complaint(type, node);
      if (message == null) {
        return true;
      }
      String blamed = blamed(message, keys);
      if (repaired.stream().noneMatch(each -> names(message, each))) {
        tell(path, blamed, message, defaults);
      }
      boolean first = blamed != null && repaired.add(blamed);
      if (blamed == null || (!first && node.remove(blamed) == null)) {
        break;
      }
      if (first) {
        repair(node, blamed, defaults, path);
      }
    }
    if (defaults instanceof ObjectNode good) {
      node.removeAll();
      node.setAll(good.deepCopy());
      return true;
    }
    return false;
  }

  private static @Nullable String complaint(Class<?> type, ObjectNode node) {
    try {
      JSON.treeToValue(node, type);
      return null;
    } catch (JsonProcessingException e) {
      return message(e);
    }
  }

  private static String message(JsonProcessingException e) {
    Throwable cause = e.getCause();
    if (cause != null && cause.getMessage() != null) {
      return cause.getMessage();
    }
    if (e instanceof JsonMappingException mapping && !mapping.getPath().isEmpty()) {
      String field = mapping.getPath().getFirst().getFieldName();
      return (field == null ? "" : field + " ") + "has a value that cannot be used";
    }
    return e.getOriginalMessage();
  }

  /** The key that a message begins with. */
  private static @Nullable String blamed(String message, Collection<String> keys) {
    String best = null;
    for (String key : keys) {
      boolean starts = message.startsWith(key) && names(message, key);
      if (starts && (best == null || key.length() > best.length())) {
        best = key;
      }
    }
    return best;
  }

  private static boolean names(String message, String key) {
    return message.matches("(?s)(.*[^a-z0-9-])?" + key + "([^a-z0-9-].*)?");
  }

  private void tell(
      String path, @Nullable String blamed, String message, @Nullable JsonNode defaults) {
    boolean whole =
        blamed == null
            || message.endsWith("is missing")
            || message.startsWith(blamed + " and ")
            || message.startsWith(blamed + " or ");
    String own = whole || blamed == null ? path : path + "." + blamed;
    String text =
        whole || blamed == null
            ? message
            : message.substring(blamed.length()).replaceFirst("^: ?| ", "");
    fault(own, text, advice(blamed == null ? path : path + "." + blamed, defaults, blamed));
  }

  private static @Nullable String advice(
      String path, @Nullable JsonNode defaults, @Nullable String blamed) {
    String example = ConfigShape.example(path);
    JsonNode usual = defaults == null || blamed == null ? null : defaults.get(blamed);
    boolean shown = usual != null && usual.isValueNode() && !usual.isNull();
    return example == null && usual != null && shown
        ? "the default is " + ConfigShape.flow(usual)
        : example;
  }

  private static void repair(
      ObjectNode node, String key, @Nullable JsonNode defaults, String path) {
    JsonNode usual = defaults == null ? null : defaults.get(key);
    JsonNode good = usual == null ? ConfigHints.example(path + "." + key) : usual;
    if (good == null || (key.endsWith("-file") && usual == null)) {
      node.remove(key);
    } else {
      node.set(key, good.deepCopy());
    }
  }

  /** Records of what is found by other checks, whose messages begin with a path. */
  static List<ConfigFault> faults(List<String> messages, Map<String, Integer> lines) {
    List<ConfigFault> faults = new ArrayList<>();
    ConfigValues values = new ConfigValues(faults, lines);
    for (String message : messages) {
      int end = message.indexOf(": ");
      String path = end < 0 ? "" : message.substring(0, end).replaceAll("\\.(\\d+)", "[$1]");
      boolean known = path.matches("[a-z0-9.\\[\\]-]+");
      values.fault(known ? path : "", known ? message.substring(end + 2) : message, null);
    }
    return faults;
  }
}

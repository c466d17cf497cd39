package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.boot.ConfigYaml.Keyed;
import dev.switchboard.gateway.boot.ConfigYaml.Many;
import dev.switchboard.gateway.boot.ConfigYaml.Node;
import dev.switchboard.gateway.boot.ConfigYaml.Scalar;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Lays a file's tree out as the records want it, and says where it differs: unknown keys, and
 * values of another shape or type. What was meant is taken for the rest of the check, so that one
 * run finds as much as it can: a key by its right name, a value in its right unit.
 */
final class ConfigShape {
  private static final KebabCaseStrategy KEBAB = new KebabCaseStrategy();
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final List<String> NAMES = List.of("name", "model", "file", "url");

  private static final Pattern PLAIN = Pattern.compile("[A-Za-z/][A-Za-z0-9._/-]*");
  private static final Set<String> WORDS =
      Set.of("true", "false", "null", "yes", "no", "on", "off");
  private static final int MOST_GIVEN = 60;

  private final List<ConfigFault> faults;
  private final Map<String, Integer> lines;
  private final ObjectNode root = JSON.objectNode();

  /**
   * @param faults to which those of the file are added
   * @param lines to which those of its keys are added
   */
  ConfigShape(List<ConfigFault> faults, Map<String, Integer> lines) {
    this.faults = faults;
    this.lines = lines;
  }

  /** What the file says, as far as it can be understood. */
  ObjectNode of(Keyed file) {
    map(GatewayConfig.class, file, "", root);
    return root;
  }

  /** The keys of a record. */
  static Map<String, RecordComponent> keys(Class<?> type) {
    Map<String, RecordComponent> keys = new LinkedHashMap<>();
    for (RecordComponent each : type.getRecordComponents()) {
      keys.put(KEBAB.translate(each.getName()), each);
    }
    return keys;
  }

  /** The element type of a list; null for what is no list. */
  static @Nullable Class<?> element(Type type) {
    return type instanceof ParameterizedType list && list.getRawType() == List.class
        ? (Class<?>) list.getActualTypeArguments()[0]
        : null;
  }

  private void fault(String path, int line, String message, @Nullable String advice) {
    faults.add(new ConfigFault(path, line, message, advice));
  }

  private static String under(String path, String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private void map(Class<?> type, Keyed given, String path, ObjectNode to) {
    Map<String, RecordComponent> keys = keys(type);
    for (var entry : given.entries().entrySet()) {
      String key = ConfigHints.spelled(entry.getKey());
      RecordComponent known = keys.get(key);
      int line = entry.getValue().line();
      Node value = entry.getValue().value();
      if (known == null) {
        unknown(entry.getKey(), line, value, path, to, keys);
      } else if (to.has(key) && !(to.get(key) instanceof ObjectNode)) {
        String first = lines.getOrDefault(under(path, key), 0).toString();
        fault(
            under(path, key),
            line,
            "it stands twice, in line " + first + " and in line " + line,
            "keep one of them");
      } else {
        lines.put(under(path, key), line);
        put(known, value, line, under(path, key), key, to);
      }
    }
  }

  private void unknown(
      String key,
      int line,
      Node value,
      String path,
      ObjectNode to,
      Map<String, RecordComponent> keys) {
    ConfigHints.Meant meant = ConfigHints.meant(path, key, keys.keySet(), value instanceof Scalar);
    fault(under(path, key), line, "unknown key", advice(meant, path));
    String target = meant.path();
    if (target == null) {
      return;
    }
    if (!meant.root()) {
      RecordComponent component = keys.get(target);
      if (component != null && !to.has(target)) {
        lines.putIfAbsent(under(path, target), line);
        put(component, value, line, under(path, target), target, to);
      }
      return;
    }
    moved(target, value, line);
  }

  private static String advice(ConfigHints.Meant meant, String path) {
    String target = meant.path();
    if (target == null) {
      return meant.advice();
    }
    JsonNode example = ConfigHints.example(meant.root() ? target : under(path, target));
    return example == null
        ? meant.advice()
        : meant.advice() + " For example " + last(target) + ": " + flow(example);
  }

  private static String last(String path) {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  /** What stands elsewhere than it belongs goes on where it does. */
  private void moved(String target, Node value, int line) {
    String[] parts = target.split("\\.", -1);
    Class<?> type = GatewayConfig.class;
    ObjectNode to = root;
    for (int i = 0; i < parts.length - 1; i++) {
      RecordComponent section = keys(type).get(parts[i]);
      if (section == null || !section.getType().isRecord()) {
        return;
      }
      type = section.getType();
      to = to.withObjectProperty(parts[i]);
    }
    String key = parts[parts.length - 1];
    RecordComponent component = keys(type).get(key);
    if (component != null && (!to.has(key) || to.get(key) instanceof ObjectNode)) {
      lines.putIfAbsent(target, line);
      put(component, value, line, target, key, to);
    }
  }

  // ------------------------------------------------------------------ values

  private void put(
      RecordComponent known, Node value, int line, String path, String key, ObjectNode to) {
    Class<?> element = element(known.getGenericType());
    boolean empty = value instanceof Scalar(JsonNode nothing, String _, int _) && nothing.isNull();
    if (element != null) {
      if (!empty) {
        to.set(key, list(element, value, line, path));
      }
    } else if (known.getType().isRecord()) {
      if (value instanceof Keyed map) {
        ObjectNode inner = to.withObjectProperty(key);
        map(known.getType(), map, path, inner);
      } else if (!empty) {
        fault(path, line, "must be a map of keys, not " + given(value), example(path));
      }
    } else if (known.getType() == Map.class) {
      texts(value, line, path, key, to);
    } else if (value instanceof Scalar scalar) {
      JsonNode good =
          ConfigTypes.checked(known.getType(), mayBeNull(known), scalar, path, faults, line);
      if (good != null) {
        to.set(key, good);
      }
    } else {
      fault(
          path,
          line,
          "must be " + ConfigTypes.words(known.getType(), path) + ", not " + given(value),
          example(path));
    }
  }

  private static boolean mayBeNull(RecordComponent known) {
    return known.getAnnotatedType().isAnnotationPresent(Nullable.class);
  }

  private void texts(Node value, int line, String path, String key, ObjectNode to) {
    if (!(value instanceof Keyed map)) {
      fault(path, line, "must be a map, not " + given(value), example(path));
      return;
    }
    ObjectNode texts = to.putObject(key);
    map.entries()
        .forEach(
            (name, entry) -> {
              lines.put(under(path, name), entry.line());
              if (entry.value() instanceof Scalar(JsonNode text, String _, int _)
                  && text.isTextual()) {
                texts.set(name, text);
              } else {
                fault(
                    under(path, name),
                    entry.line(),
                    "must be text, not " + given(entry.value()),
                    null);
              }
            });
  }

  private ArrayNode list(Class<?> element, Node value, int line, String path) {
    ArrayNode list = JSON.arrayNode();
    if (value instanceof Many many) {
      for (int i = 0; i < many.items().size(); i++) {
        item(element, many.items().get(i), path + "[" + i + "]", list);
      }
      return many.items().isEmpty() ? list : notEmpty(list, path);
    }
    fault(path, line, "must be a list, not " + given(value), example(path));
    if (value instanceof Keyed map && element.isRecord()) {
      named(element, map, path, list);
    } else if (value instanceof Scalar) {
      item(element, value, path + "[0]", list);
    }
    return notEmpty(list, path);
  }

  /** Of a list whose items were all wrong nobody is told as well that it is empty. */
  private static ArrayNode notEmpty(ArrayNode list, String path) {
    JsonNode good = list.isEmpty() ? ConfigHints.example(path) : null;
    return good instanceof ArrayNode items ? items.deepCopy() : list;
  }

  /** A map of names in the place of a list of maps that have names. */
  private void named(Class<?> element, Keyed map, String path, ArrayNode list) {
    String own = NAMES.stream().filter(keys(element)::containsKey).findFirst().orElse("name");
    if (map.entries().keySet().stream().anyMatch(keys(element)::containsKey)) {
      item(element, map, path + "[0]", list);
      return;
    }
    map.entries()
        .forEach(
            (name, entry) -> {
              String at = path + "[" + list.size() + "]";
              lines.put(at, entry.line());
              ObjectNode item = list.addObject();
              if (entry.value() instanceof Keyed inner) {
                map(element, inner, at, item);
              }
              if (!item.has(own)) {
                item.put(own, name);
              }
            });
  }

  private void item(Class<?> element, Node item, String path, ArrayNode list) {
    lines.put(path, item.line());
    if (!element.isRecord()) {
      JsonNode good =
          item instanceof Scalar scalar
              ? ConfigTypes.checked(element, false, scalar, path, faults, item.line())
              : null;
      if (!(item instanceof Scalar)) {
        String wanted = ConfigTypes.words(element, path);
        fault(path, item.line(), "must be " + wanted + ", not " + given(item), null);
      }
      if (good != null) {
        list.add(good);
      }
    } else if (item instanceof Keyed map) {
      map(element, map, path, list.addObject());
    } else {
      fault(path, item.line(), "must be a map of keys, not " + given(item), example(path));
      ObjectNode repaired = list.addObject();
      String first = List.copyOf(keys(element).keySet()).getFirst();
      if (item instanceof Scalar(JsonNode value, String _, int _) && value.isTextual()) {
        repaired.set(first, value);
      }
    }
  }

  // ------------------------------------------------------------------ words

  static @Nullable String example(String path) {
    JsonNode example = ConfigHints.example(path);
    if (example == null) {
      return null;
    }
    String name = last(ConfigHints.generic(path));
    return name.endsWith("[]")
        ? "for example - " + flow(example)
        : "for example " + name + ": " + flow(example);
  }

  /** As it can be written in a file, in one line. */
  static String flow(JsonNode value) {
    if (value.isTextual()) {
      String text = value.asText();
      return PLAIN.matcher(text).matches() && !WORDS.contains(text) ? text : value.toString();
    }
    if (value.isArray()) {
      return value.valueStream().map(ConfigShape::flow).collect(Collectors.joining(", ", "[", "]"));
    }
    if (value.isObject()) {
      return value.properties().stream()
          .map(each -> each.getKey() + ": " + flow(each.getValue()))
          .collect(Collectors.joining(", ", "{", "}"));
    }
    return value.toString();
  }

  /** What stands there, cut where it is long. */
  private static String given(Node node) {
    String text = flow(json(node));
    return text.length() <= MOST_GIVEN ? text : text.substring(0, MOST_GIVEN) + "…";
  }

  private static JsonNode json(Node node) {
    return switch (node) {
      case Scalar scalar -> scalar.value();
      case Many many -> {
        ArrayNode list = JSON.arrayNode();
        many.items().forEach(item -> list.add(json(item)));
        yield list;
      }
      case Keyed map -> {
        ObjectNode object = JSON.objectNode();
        map.entries().forEach((key, entry) -> object.set(key, json(entry.value())));
        yield object.isEmpty() ? NullNode.instance : object;
      }
    };
  }
}

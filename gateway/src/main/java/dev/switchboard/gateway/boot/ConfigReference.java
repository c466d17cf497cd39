package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.switchboard.gateway.slo.SloConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Every key of the configuration, as a page. Keys, types, units, defaults and what a reload may
 * change come from the records and from {@link Reconfiguration}; what a key means, and ranges, from
 * the file {@code config-keys.yaml} beside this class, which must name exactly these keys.
 */
final class ConfigReference {
  private static final KebabCaseStrategy KEBAB = new KebabCaseStrategy();
  private static final Map<String, String> UNITS =
      Map.of("-ms", "milliseconds", "-seconds", "seconds", "-days", "days", "-bytes", "bytes");

  /**
   * A key.
   *
   * @param path with {@code []} behind a list
   * @param type in words, with the unit
   * @param defaultValue as it is written; empty where there is none
   * @param range empty where there is none
   * @param reloadable whether it can change while the gateway runs
   */
  record Key(
      String path,
      String type,
      String defaultValue,
      String range,
      boolean reloadable,
      String meaning) {}

  private final ObjectNode defaults = ConfigReader.defaults();
  private final JsonNode words = words();
  private final List<Key> keys = new ArrayList<>();

  private ConfigReference() {}

  /** Every key, in the order of the records. */
  static List<Key> keys() {
    ConfigReference reference = new ConfigReference();
    reference.collect("", GatewayConfig.class);
    return List.copyOf(reference.keys);
  }

  /** The keys that have a meaning. */
  static List<String> described() {
    List<String> names = new ArrayList<>();
    words().fieldNames().forEachRemaining(names::add);
    return names;
  }

  private static JsonNode words() {
    try (InputStream file = ConfigReference.class.getResourceAsStream("config-keys.yaml")) {
      return new ObjectMapper(new YAMLFactory()).readTree(Objects.requireNonNull(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void collect(String prefix, Class<?> type) {
    for (RecordComponent component : type.getRecordComponents()) {
      String path = prefix + KEBAB.translate(component.getName());
      Class<?> element = element(component.getGenericType());
      if (element == null && component.getType().isRecord()) {
        collect(path + ".", component.getType());
        continue;
      }
      keys.add(key(path, component));
      if (element != null && element.isRecord()) {
        collect(path + "[].", element);
      }
    }
  }

  private Key key(String path, RecordComponent component) {
    JsonNode said = words.path(path);
    JsonNode value = defaults.at("/" + path.replace('.', '/'));
    return new Key(
        path,
        type(path, component.getGenericType()),
        value.isMissingNode() ? said.path("default").asText("") : written(value),
        said.path("range").asText(""),
        Reconfiguration.reloadable(path),
        said.path("meaning").asText(""));
  }

  /** The element type of a list; null for what is no list. */
  private static @Nullable Class<?> element(Type type) {
    return type instanceof ParameterizedType list && list.getRawType() == List.class
        ? (Class<?>) list.getActualTypeArguments()[0]
        : null;
  }

  private static String type(String path, Type type) {
    Class<?> element = element(type);
    if (element != null) {
      return "list of " + (element.isRecord() ? "maps" : plain(path, element) + "s");
    }
    return plain(path, type);
  }

  private static String plain(String path, Type type) {
    if (type == double.class || type == Double.class) {
      return "number" + withUnit(path);
    }
    if (type == int.class || type == long.class || type == Integer.class || type == Long.class) {
      return "whole number" + withUnit(path);
    }
    if (type == boolean.class || type == Boolean.class) {
      return "true or false";
    }
    if (type == Path.class || path.endsWith("-file")) {
      return "path";
    }
    if (type == URI.class || path.endsWith(".url")) {
      return "URL";
    }
    return type instanceof ParameterizedType ? "map" : "text";
  }

  /** The unit that a key ends in; empty for none. */
  static String unit(String path) {
    for (Map.Entry<String, String> unit : UNITS.entrySet()) {
      if (path.endsWith(unit.getKey())) {
        return unit.getValue();
      }
    }
    return "";
  }

  private static String withUnit(String path) {
    String unit = unit(path);
    return unit.isEmpty() ? "" : ", " + unit;
  }

  /** A default as people write it. */
  private static String written(JsonNode value) {
    if (value.isArray()) {
      List<String> items = value.valueStream().map(item -> "`" + shown(item) + "`").toList();
      return items.isEmpty() ? "[]" : String.join(", ", items);
    }
    if (value.isNull() || value.asText().isEmpty()) {
      return "";
    }
    return value.isTextual() ? "`" + plain(value) + "`" : value.asText();
  }

  /** Paths come as URLs. */
  static String plain(JsonNode text) {
    return text.asText().replaceFirst("^file://(?=/)", "");
  }

  /** What has a name is shown by it. */
  private static String shown(JsonNode item) {
    return item.path("name").asText(item.asText());
  }

  /** The page, in Markdown. */
  static String page() {
    StringBuilder page =
        new StringBuilder(
            """
            # Configuration

            Every key, made by `./switchboard config reference` from the records that hold the configuration. `[]` stands for each item
            of a list. A key ends in its unit; one without is a count or a name. Reload says whether `./switchboard reload` may change it
            while the gateway runs. Underscores may stand for hyphens (`max_concurrency`), as the admin API has the same names. `./switchboard config init`
            writes a file with all of it, `./switchboard config check FILE` judges one. How files, flags and reloads work together is told in the [README](README.md#configuration).
            """);
    String section = "";
    for (Key key : keys()) {
      String own = key.path.replaceFirst("[.\\[].*", "");
      if (!own.equals(section)) {
        section = own;
        page.append("\n## `").append(section).append("`\n\n");
        page.append(
            "| Key | Type | Default | Range | Reload | Meaning |\n|---|---|---|---|---|---|\n");
      }
      row(page, key);
    }
    return page.append('\n').append(classes()).toString();
  }

  private static void row(StringBuilder page, Key key) {
    page.append("| `").append(key.path).append("` | ").append(key.type);
    for (String cell :
        List.of(key.defaultValue, key.range, key.reloadable ? "yes" : "no", key.meaning)) {
      page.append(" |").append(cell.isEmpty() ? "" : " ").append(cell.replace("|", "\\|"));
    }
    page.append(" |\n");
  }

  private static String classes() {
    StringBuilder table =
        new StringBuilder(
            """
            ## Service classes of the defaults

            | `name` | `ttft-ms` | `tpot-ms` | `deadline-ms` | `priority` | `objective` | `window-days` |
            |---|---|---|---|---|---|---|
            """);
    for (SloConfig.SloClass each : SloConfig.DEFAULTS.classes()) {
      table.append(
          String.format(
              Locale.ROOT,
              "| `%s` | %d | %.0f | %d | %d | %s | %d |%n",
              each.name(),
              each.ttftMs(),
              each.tpotMs(),
              each.deadlineMs(),
              each.priority(),
              each.objective(),
              each.windowDays()));
    }
    return table.toString();
  }
}

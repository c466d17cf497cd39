package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.flight.Story;
import dev.switchboard.openai.ApiError;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import picocli.CommandLine.Option;

/** Holds README.md to the code: keys with their defaults and ranges, flags, errors. */
class ReadmeTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));
  private static final String README = read(HOME.resolve("gateway/README.md"));
  private static final Path SOURCES = HOME.resolve("gateway/src/main/java");
  private static final Pattern RANGE = Pattern.compile("(\\d+) to (\\d+)");

  @Test
  void everyConfigurationKeyHasARowAndEveryRowAKey() {
    Set<String> keys = new TreeSet<>();
    collect("", GatewayConfig.class, keys);

    assertEquals(keys, rows().keySet());
  }

  @TestFactory
  List<DynamicTest> everyDefaultIsTheOneInItsRow() {
    ObjectNode defaults = ConfigReader.defaults();
    return rows().entrySet().stream()
        .map(row -> Map.entry(row.getValue(), defaults.at(pointer(row.getKey()))))
        .filter(row -> !row.getValue().isMissingNode())
        .map(
            row ->
                DynamicTest.dynamicTest(
                    row.getKey().key,
                    () -> assertEquals(written(row.getValue()), row.getKey().defaultValue)))
        .toList();
  }

  @TestFactory
  List<DynamicTest> everyRangeIsTheOneInItsRow() {
    return rows().values().stream()
        .filter(row -> RANGE.matcher(row.range).matches() && !row.key.contains("[]"))
        .map(row -> DynamicTest.dynamicTest(row.key, () -> checkRange(row)))
        .toList();
  }

  private static void checkRange(Row row) {
    Matcher range = RANGE.matcher(row.range);
    assertTrue(range.matches());
    long low = Long.parseLong(range.group(1));
    long high = Long.parseLong(range.group(2));

    assertDoesNotThrow(() -> with(row.key, low));
    assertDoesNotThrow(() -> with(row.key, high));
    assertThrows(IllegalArgumentException.class, () -> with(row.key, low - 1));
    assertThrows(IllegalArgumentException.class, () -> with(row.key, high + 1));
  }

  private static GatewayConfig with(String key, long value) {
    ObjectNode tree = ConfigReader.defaults();
    int dot = key.lastIndexOf('.');
    tree.withObject(pointer(key.substring(0, dot))).put(key.substring(dot + 1), value);
    return ConfigReader.read(tree);
  }

  @Test
  void everyFlagIsNamed() {
    Set<String> flags =
        Arrays.stream(GatewayMain.class.getDeclaredFields())
            .map(field -> field.getAnnotation(Option.class))
            .filter(option -> option != null)
            .flatMap(option -> Arrays.stream(option.names()))
            .collect(Collectors.toSet());

    assertFalse(flags.isEmpty());
    assertNamed(flags);
  }

  @Test
  void everyErrorCodeHasARow() throws ReflectiveOperationException {
    Set<String> codes = new TreeSet<>();
    for (Method method : ApiError.class.getMethods()) {
      if (Modifier.isStatic(method.getModifiers()) && method.getReturnType() == ApiError.class) {
        ApiError error = (ApiError) method.invoke(null, arguments(method));
        codes.add(row(error.status(), error.type(), error.code() == null ? "" : error.code()));
      }
    }
    for (String source : sources()) {
      matches("new ApiError\\(\\s*(\\d+),\\s*\"(\\w+)\",\\s*\"(\\w+)\"", source)
          .forEach(match -> codes.add(row(match.group(1), match.group(2), match.group(3))));
    }

    assertEquals(codes, new TreeSet<>(found("(\\| \\d{3} \\| `\\w+` \\| [`\\w]+ \\|)", README)));
  }

  @Test
  void everyLauncherEventHasARow() {
    Set<String> events = new TreeSet<>();
    sources().forEach(source -> events.addAll(found("\\bemit\\(\\s*\"(\\w+)\"", source)));

    assertEquals(9, events.size());
    events.forEach(event -> assertTrue(README.contains("| `" + event + "` |"), event));
  }

  @Test
  void everyPhaseIsNamed() {
    Set<String> phases =
        Arrays.stream(Story.Phase.values())
            .map(Story.Phase::label)
            .filter(label -> !label.startsWith("decode_"))
            .collect(Collectors.toSet());

    assertNamed(phases);
  }

  private static void assertNamed(Set<String> words) {
    Set<String> missing = new TreeSet<>(words);
    missing.removeIf(word -> README.contains("`" + word + "`"));

    assertEquals(Set.of(), missing);
  }

  // ---- the code's side -------------------------------------------------------------------------

  private static void collect(String path, Class<?> type, Set<String> keys) {
    for (RecordComponent component : type.getRecordComponents()) {
      String key = path + new KebabCaseStrategy().translate(component.getName());
      Class<?> element = element(component.getGenericType());
      if (element != null) {
        keys.add(key);
        if (element.isRecord()) {
          collect(key + "[].", element, keys);
        }
      } else if (component.getType().isRecord()) {
        collect(key + ".", component.getType(), keys);
      } else {
        keys.add(key);
      }
    }
  }

  /** The element type of a list; null for what is no list. */
  private static @Nullable Class<?> element(Type type) {
    return type instanceof ParameterizedType list
        ? (Class<?>) list.getActualTypeArguments()[0]
        : null;
  }

  private static Object[] arguments(Method method) {
    return Arrays.stream(method.getParameterTypes())
        .map(type -> type == int.class ? (Object) 1 : type == long.class ? (Object) 1L : "x")
        .toArray();
  }

  private static String row(Object status, String type, String code) {
    return "| "
        + status
        + " | `"
        + type
        + "` | "
        + (code.isEmpty() ? "none" : "`" + code + "`")
        + " |";
  }

  private static String written(JsonNode value) {
    if (value.isArray()) {
      List<String> items = value.valueStream().map(item -> "`" + shown(item) + "`").toList();
      return items.isEmpty() ? "[]" : String.join(", ", items);
    }
    return value.isTextual() ? "`" + value.asText() + "`" : value.asText();
  }

  /** What has a name is shown by it. */
  private static String shown(JsonNode item) {
    return item.path("name").asText(item.asText());
  }

  // ---- the page's side -------------------------------------------------------------------------

  private record Row(String key, String defaultValue, String range) {}

  private static Map<String, Row> rows() {
    int begin = README.indexOf("\n## Configuration");
    String section = README.substring(begin, README.indexOf("\n## ", begin + 1));
    Map<String, Row> rows = new TreeMap<>();
    matches("(?m)^\\| `([a-z0-9.\\[\\]-]+)` \\| (.*?) ?\\| (.*?) ?\\| ", section)
        .map(match -> new Row(match.group(1), match.group(2), match.group(3)))
        .forEach(row -> rows.put(row.key, row));
    return rows;
  }

  private static String pointer(String key) {
    return "/" + key.replace('.', '/');
  }

  private static Set<String> found(String expression, String text) {
    return matches(expression, text).map(match -> match.group(1)).collect(Collectors.toSet());
  }

  private static Stream<MatchResult> matches(String expression, String text) {
    return Pattern.compile(expression).matcher(text).results();
  }

  private static List<String> sources() {
    try (Stream<Path> files = Files.walk(SOURCES)) {
      return files.filter(file -> file.toString().endsWith(".java")).map(ReadmeTest::read).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

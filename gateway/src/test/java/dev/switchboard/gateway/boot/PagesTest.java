package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.store.StoreException;
import dev.switchboard.openai.ApiError;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Option;

/** Holds pages of docs to the code: flags, errors, events, phases. */
class PagesTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));
  private static final String LAUNCHER = read(HOME.resolve("docs/reference/launcher.md"));
  private static final Path SOURCES = HOME.resolve("gateway/src/main/java");
  private static final Path ENGINE_ERRORS =
      HOME.resolve("native-engine/src/main/java/dev/switchboard/worker/EngineErrors.java");

  @Test
  void everyFlagIsNamed() {
    Set<String> flags =
        Arrays.stream(GatewayMain.class.getDeclaredFields())
            .map(field -> field.getAnnotation(Option.class))
            .filter(option -> option != null)
            .flatMap(option -> Arrays.stream(option.names()))
            .collect(Collectors.toSet());

    assertFalse(flags.isEmpty());
    assertNamed(flags, LAUNCHER);
  }

  @Test
  void theHeapOfWorkersIsTheSameInTheLauncherAndOnTheWorkersPage() {
    String heap = "-Xmx" + GatewayConfig.DEFAULTS.workers().heapMb() + "m ";

    assertTrue(read(HOME.resolve("launcher/build.sh")).contains("worker_java=(" + heap));
    assertTrue(read(HOME.resolve("docs/reference/worker.md")).contains("`java " + heap));
  }

  @Test
  void everyErrorCodeHasARow() throws ReflectiveOperationException {
    Set<String> codes = new TreeSet<>();
    for (Method method : ApiError.class.getMethods()) {
      if (Modifier.isStatic(method.getModifiers())
          && method.getReturnType() == ApiError.class
          && !method.getName().equals("unmet")) {
        ApiError error = (ApiError) method.invoke(null, arguments(method));
        codes.add(row(error.status(), error.type(), error.code() == null ? "" : error.code()));
      }
    }
    // The codes of answers that are not what was demanded are the worker's.
    matches("(?:ApiError\\.unmet\\(|kind\\(\\)\\.equals\\()\\s*\"(\\w+)\"", read(ENGINE_ERRORS))
        .forEach(match -> codes.add(row(400, "invalid_request_error", match.group(1))));
    for (StoreException.Kind kind : StoreException.Kind.values()) {
      if (kind != StoreException.Kind.CONFLICT && kind != StoreException.Kind.REFUSED) {
        codes.add(row(503, "server_error", kind.code()));
      }
    }
    for (String source : sources()) {
      matches("new ApiError\\(\\s*(\\d+),\\s*\"(\\w+)\",\\s*\"(\\w+)\"", source)
          .forEach(match -> codes.add(row(match.group(1), match.group(2), match.group(3))));
    }

    assertEquals(
        codes,
        new TreeSet<>(
            found(
                "(\\| \\d{3} \\| `\\w+` \\| [`\\w]+ \\|)", read(HOME.resolve("docs/errors.md")))));
  }

  @Test
  void everyVariableOfTheLaunchersHelpIsNamed() {
    String help = read(HOME.resolve("launcher/help.sh"));
    int begin = help.indexOf("Environment:\n");
    String environment = help.substring(begin, help.indexOf("Exit status:", begin));

    Set<String> variables = new TreeSet<>(found("\\b((?:OTEL|SWITCHBOARD)_[A-Z_]+)", environment));

    assertTrue(variables.size() > 15, variables::toString);
    // Some are said with a value.
    variables.removeIf(name -> LAUNCHER.contains("`" + name + "="));
    assertNamed(variables, LAUNCHER);
  }

  /** Who has nothing but the number looks for it in one of three places. */
  @Test
  void everyExitStatusOfAFailedStartIsInTheHelpAndOnBothPages() {
    Set<String> statuses = new TreeSet<>();
    String launcher = read(HOME.resolve("launcher/lifecycle.sh"));
    int begin = launcher.indexOf("meaning_of() {");
    matches(
            "(?m)^    ([\\d |]+)\\) printf",
            launcher.substring(begin, launcher.indexOf("}", begin)))
        .forEach(match -> statuses.addAll(List.of(match.group(1).split(" \\| "))));
    String exits =
        read(HOME.resolve("gateway/src/main/java/dev/switchboard/gateway/fleet/WorkerExit.java"));
    statuses.addAll(found("case [A-Z_]+ -> (\\d);", exits));
    String help = read(HOME.resolve("launcher/help.sh"));
    help = help.substring(help.indexOf("Exit status:"));
    help = help.substring(0, help.indexOf("\nHELP"));
    String page = LAUNCHER.substring(LAUNCHER.indexOf("\n## Exit status\n"));
    String symptoms = read(HOME.resolve("docs/troubleshooting.md"));

    assertTrue(statuses.containsAll(Set.of("3", "7", "137")), statuses::toString);
    for (String status : statuses) {
      String word = "\\b" + status + "\\b";
      assertTrue(Pattern.compile(word).matcher(help).find(), "help: " + status);
      assertTrue(
          Pattern.compile("(?m)^\\| [\\d, ]*" + word).matcher(page).find(), "page: " + status);
      assertTrue(
          Pattern.compile("(?m)^\\| exit status [\\d, ]*" + word).matcher(symptoms).find(),
          "troubleshooting: " + status);
    }
  }

  /** The page says of each key that only a start reads, or of all that begin like it. */
  @Test
  void everyKeyThatAReloadCannotChangeIsNamedAsOne() {
    String page = read(HOME.resolve("docs/configuration.md"));
    int begin = page.indexOf("| Not by a reload |");
    String table = page.substring(begin, page.indexOf("\n\n", begin));
    Set<String> named = found("`([a-z][a-z.-]*)`", table);
    Set<String> fixed = new TreeSet<>();
    Set<String> told = new TreeSet<>();
    for (ConfigReference.Key each : ConfigReference.keys()) {
      String key = each.path();
      // Files of TLS are read again, which the page says apart.
      boolean counts = !key.contains(".tls.");
      if (counts && !Reconfiguration.reloadable(key)) {
        fixed.add(key);
      }
      if (counts && named.stream().anyMatch(name -> (key + ".").startsWith(name + "."))) {
        told.add(key);
      }
    }

    assertFalse(fixed.isEmpty());
    assertEquals(fixed, told);
  }

  @Test
  void everyLauncherEventHasARow() {
    Set<String> events = new TreeSet<>();
    sources().forEach(source -> events.addAll(found("\\bemit\\(\\s*\"(\\w+)\"", source)));

    assertEquals(11, events.size());
    events.forEach(event -> assertTrue(LAUNCHER.contains("| `" + event + "` |"), event));
  }

  @Test
  void everyPhaseIsNamed() {
    Set<String> phases =
        Arrays.stream(PhaseBreakdown.Phase.values())
            .map(PhaseBreakdown.Phase::label)
            .filter(label -> !label.startsWith("decode_"))
            .collect(Collectors.toSet());

    assertNamed(phases, read(HOME.resolve("docs/why-slow.md")));
  }

  private static void assertNamed(Set<String> words, String page) {
    Set<String> missing = new TreeSet<>(words);
    missing.removeIf(word -> page.contains("`" + word + "`"));

    assertEquals(Set.of(), missing);
  }

  // ---- the code's side -------------------------------------------------------------------------

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

  private static Set<String> found(String expression, String text) {
    return matches(expression, text).map(match -> match.group(1)).collect(Collectors.toSet());
  }

  private static Stream<MatchResult> matches(String expression, String text) {
    return Pattern.compile(expression).matcher(text).results();
  }

  private static List<String> sources() {
    try (Stream<Path> files = Files.walk(SOURCES)) {
      return files.filter(file -> file.toString().endsWith(".java")).map(PagesTest::read).toList();
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

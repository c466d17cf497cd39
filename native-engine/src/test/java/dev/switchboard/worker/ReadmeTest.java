package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gguf.Architecture;
import dev.switchboard.gguf.TensorType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Option;

/** Holds README.md to the code: options and their defaults, endpoints, phases, formats. */
class ReadmeTest {
  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));
  private static final Path MODULE = HOME.resolve("native-engine");

  @Test
  void everyOptionHasARowWithItsDefault() throws IOException {
    String readme = readme();
    Set<String> missing = new TreeSet<>();
    Set<Option> options = options();

    for (Option option : options) {
      for (String name : option.names()) {
        boolean told =
            readme
                .lines()
                .filter(line -> line.startsWith("|") && line.contains("`" + name))
                .anyMatch(line -> tellsDefault(line, option));
        if (!told) {
          missing.add(name + " " + option.defaultValue());
        }
      }
    }

    assertFalse(options.isEmpty());
    assertEquals(Set.of(), missing);
  }

  private static boolean tellsDefault(String line, Option option) {
    String value = option.defaultValue();
    return value.equals("__no_default_value__")
        || Pattern.compile("[ `]" + Pattern.quote(value) + "[ `,]").matcher(line).find();
  }

  private static Set<Option> options() {
    return Arrays.stream(WorkerMain.class.getDeclaredFields())
        .map(field -> field.getAnnotation(Option.class))
        .filter(option -> option != null)
        .collect(Collectors.toSet());
  }

  @Test
  void everyEndpointIsNamed() throws IOException {
    String source =
        Files.readString(
            MODULE.resolve("src/main/java/dev/switchboard/worker/EngineEndpoints.java"));
    Set<String> paths =
        Pattern.compile("case \"(/engine/v1/\\w+)\"")
            .matcher(source)
            .results()
            .map(match -> match.group(1))
            .collect(Collectors.toSet());

    assertEquals(9, paths.size());
    assertNamed(paths.stream());
  }

  @Test
  void everyMetricIsNamed() throws IOException {
    String source =
        Files.readString(MODULE.resolve("src/main/java/dev/switchboard/worker/MetricsPage.java"));
    Set<String> names =
        Pattern.compile("(OWN|THEIRS) \\+ \"(\\w+)\"")
            .matcher(source)
            .results()
            .map(
                match ->
                    (match.group(1).equals("OWN") ? "switchboard_worker_" : "vllm:")
                        + match.group(2))
            .collect(Collectors.toSet());
    String readme = readme();

    assertTrue(names.size() > 20, names::toString);
    assertEquals(
        Set.of(),
        names.stream()
            .filter(name -> !readme.contains("`" + name + "`"))
            .filter(name -> !readme.contains("`" + name + "_total`"))
            .collect(Collectors.toSet()));
    assertEquals(
        Set.of(),
        Pattern.compile("`(switchboard_worker_\\w+)`")
            .matcher(readme)
            .results()
            .map(match -> match.group(1))
            .filter(name -> !names.contains(name))
            .filter(name -> !names.contains(name.replaceFirst("_total$", "")))
            .collect(Collectors.toSet()));
  }

  @Test
  void everyArchitectureWeightTypeAndPhaseIsNamed() throws IOException {
    assertNamed(Arrays.stream(Architecture.values()).map(Architecture::word));
    assertNamed(
        Arrays.stream(TensorType.values()).filter(TensorType::isSupported).map(TensorType::name));
    assertNamed(Arrays.stream(WorkerPhase.values()).map(WorkerPhase::word));
  }

  private static void assertNamed(Stream<String> words) throws IOException {
    String readme = readme();

    assertEquals(
        Set.of(),
        words
            .filter(word -> !Pattern.compile("\\b" + word + "\\b").matcher(readme).find())
            .filter(word -> !readme.contains(word + "`"))
            .collect(Collectors.toSet()));
  }

  private static String readme() throws IOException {
    return Files.readString(MODULE.resolve("README.md"));
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Where spans go, by the environment of whoever starts the gateway. */
class LauncherTracesTest {
  private static final Path HOME =
      Path.of(System.getProperty("switchboard.home", "..")).toAbsolutePath();

  private static final String ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";
  private static final String OF_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  private static final String EXPORTER = "OTEL_TRACES_EXPORTER";

  @TempDir private Path folder;

  /** The last is whether the agent of a package is loaded, which exports spans and nothing else. */
  static Stream<Arguments> environments() {
    return Stream.of(
        Arguments.of(Map.of(), ",console", "none", "off"),
        Arguments.of(Map.of(), ",console,zipkin", "zipkin", "off"),
        Arguments.of(Map.of(ENDPOINT, "http://c:4318"), "", "otlp", "on"),
        Arguments.of(Map.of(OF_TRACES, "http://c:4318/v1/traces"), "", "otlp", "on"),
        Arguments.of(Map.of(ENDPOINT, "http://c:4318"), ",zipkin", "otlp,zipkin", "on"),
        Arguments.of(Map.of(EXPORTER, "otlp"), "", "otlp", "on"),
        Arguments.of(Map.of(EXPORTER, "zipkin"), ",zipkin", "zipkin", "on"),
        Arguments.of(Map.of(EXPORTER, "none", ENDPOINT, "http://c:4318"), "", "none", "off"),
        Arguments.of(Map.of(EXPORTER, "none"), ",zipkin", "zipkin", "off"));
  }

  @ParameterizedTest
  @MethodSource("environments")
  void spansGoWhereTheEnvironmentAndWhatRunsBesideItSay(
      Map<String, String> environment, String beside, String exporters, String agent)
      throws Exception {
    Files.writeString(folder.resolve("with"), beside);

    assertEquals(exporters + " " + agent, told(environment));
  }

  private String told(Map<String, String> environment) throws Exception {
    String script =
        "run=$PWD state=$PWD; source \"$0\"/launcher/companions.sh;"
            + " source \"$0\"/launcher/gateway.sh; trace_exporters;"
            + " eval \"$(grep '^agent()' \"$0\"/package/packaged.sh)\";"
            + " if agent; then echo ' on'; else echo ' off'; fi";
    ProcessBuilder bash =
        new ProcessBuilder("bash", "-euc", script, HOME.toString())
            .directory(folder.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    bash.environment().keySet().removeIf(name -> name.matches("OTEL_.*|SWITCHBOARD_AGENT"));
    bash.environment().putAll(environment);
    Process started = bash.start();
    String told = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, started.waitFor(), told);
    return told.strip();
  }
}

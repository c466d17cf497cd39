package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.dashboards.Dashboards;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the launcher tells a Prometheus of another version than the one that is installed here. */
class LauncherPrometheusIT extends LauncherHome {
  /** It says its version and what it was started with, and listens. */
  private static final String PROMETHEUS =
      """
      #!/bin/bash
      if [[ $1 == --version ]]; then
        echo "prometheus, version VERSION (branch: HEAD, revision: 1)"
        exit 0
      fi
      printf '%s\n' "$@" >"TOLD"
      for option; do
        case $option in
          --config.file=*) file=${option#*=} ;;
          --web.listen-address=*) port=${option##*:} ;;
        esac
      done
      exec JAVA -m jdk.httpserver -b 127.0.0.1 -p "$port" -d "${file%/*}"
      """;

  @ParameterizedTest
  @CsvSource({
    "2.53.3+ds1, true, '', ''",
    "3.5.0, '', true, ''",
    "3.8.0, '', true, true",
    "3.11.1, '', true, true",
  })
  void itGetsTheSettingsOfItsVersion(
      String version, String classic, String always, String nativeOnes) throws Exception {
    up(version);

    JsonNode job =
        new YAMLMapper()
            .readTree(home.resolve(".switchboard/run/prometheus.yml").toFile())
            .at("/scrape_configs/0");
    assertEquals("switchboard", job.path("job_name").asText());
    assertEquals(classic, job.path("scrape_classic_histograms").asText());
    assertEquals(always, job.path("always_scrape_classic_histograms").asText());
    assertEquals(nativeOnes, job.path("scrape_native_histograms").asText());
  }

  @Test
  void itKeepsAsLongAsPanelsAndRulesLookBack() throws Exception {
    up("3.5.0");

    String told = Files.readString(folder.resolve("told"));
    int kept = days("retention\\.time=(\\d+)d", Stream.of(told));
    Stream<String> asked =
        Stream.concat(
            Dashboards.all().stream().map(dashboard -> dashboard.json().toString()),
            Dashboards.rules().stream().map(Dashboards.Rule::expression));
    int longest = days("\\[(\\d+)d]", asked);

    assertEquals(30, longest);
    assertTrue(kept > longest, told);
  }

  private static int days(String pattern, Stream<String> texts) {
    return texts
        .flatMap(text -> Pattern.compile(pattern).matcher(text).results())
        .mapToInt(found -> Integer.parseInt(found.group(1)))
        .max()
        .orElseThrow();
  }

  private void up(String version) throws Exception {
    Path bin = Files.createDirectories(folder.resolve("other"));
    script(
        bin.resolve("prometheus"),
        PROMETHEUS
            .replace("VERSION", version)
            .replace("TOLD", folder.resolve("told").toString())
            .replace("JAVA", Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    Map<String, String> path = Map.of("PATH", bin + ":" + System.getenv("PATH"));
    assertEquals(0, exit(launch("down")));
    assertEquals(0, exit(launch(path, "up", "-d", "--with", "prometheus")), output());
  }
}

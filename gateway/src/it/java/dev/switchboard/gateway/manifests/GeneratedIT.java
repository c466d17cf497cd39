package dev.switchboard.gateway.manifests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.dashboards.Dashboards;
import dev.switchboard.gateway.manifests.Rendered.Pods;
import dev.switchboard.gateway.manifests.Rendered.Thing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the manifests say twice is the same as where it is said first. */
class GeneratedIT {
  private static final String ALL = "dev.switchboard.gateway.manifests.Rendered#names";
  private static final Path RULES = Rendered.K8S.resolve("components/monitoring/rules.yaml");
  private static final Pattern OPTION = Pattern.compile("--[a-z][a-z-]*");

  /** Kustomize cannot read a file into a field, so the rules lie in k8s/ as a copy. */
  @Test
  void theRulesAreThoseOfTheDashboards() throws IOException {
    StringBuilder made =
        new StringBuilder(
            """
            # Made from dashboards/rules; where it is stale GeneratedIT leaves a fresh one under gateway/target.
            apiVersion: monitoring.coreos.com/v1
            kind: PrometheusRule
            metadata:
              name: switchboard
              labels: {app.kubernetes.io/part-of: switchboard}
            spec:
              groups:
            """);
    List<JsonNode> groups = new ArrayList<>();
    for (String file : List.of("recording.yml", "alerts.yml")) {
      String rules = Files.readString(Dashboards.FOLDER.resolve("rules").resolve(file));
      new YAMLMapper().readTree(rules).path("groups").forEach(groups::add);
      rules
          .substring(rules.indexOf("groups:\n") + "groups:\n".length())
          .lines()
          .forEach(line -> made.append(line.isBlank() ? "" : "  " + line).append('\n'));
    }
    Files.writeString(Rendered.HOME.resolve("gateway/target/rules.yaml"), made);

    assertEquals(
        made.toString(),
        Files.readString(RULES),
        "stale: cp gateway/target/rules.yaml k8s/components/monitoring/rules.yaml");
    assertEquals(
        groups,
        new YAMLMapper().readTree(made.toString()).at("/spec/groups").valueStream().toList());
  }

  @Test
  void everyDashboardIsAConfigMapThatGrafanaLoads() throws IOException {
    Map<String, JsonNode> shown = new TreeMap<>();
    for (Thing map : Rendered.of("multi-gateway").all("ConfigMap")) {
      if (map.json().at("/metadata/labels").has("grafana_dashboard")) {
        for (var file : map.json().path("data").properties()) {
          shown.put(file.getKey(), new ObjectMapper().readTree(file.getValue().asText()));
        }
      }
    }

    Map<String, JsonNode> wanted = new TreeMap<>();
    Dashboards.all().forEach(each -> wanted.put(each.file(), each.json()));
    assertEquals(wanted.keySet(), shown.keySet());
    assertEquals(wanted, shown);
  }

  @Test
  void collectorsRunWithTheFilesOfOtel() throws IOException {
    Rendered rendered = Rendered.of("multi-gateway");
    for (String tier : List.of("front", "sampler")) {
      Pods pods = rendered.pods("otel-" + tier);
      String map = pods.spec().at("/volumes/0/configMap/name").asText();

      assertEquals(
          Files.readString(Rendered.HOME.resolve("otel/two-tier/" + tier + ".yaml")),
          rendered.one("ConfigMap", map).json().path("data").path("config.yaml").asText());
    }
  }

  /** An option that a program does not have ends its start. */
  @ParameterizedTest
  @MethodSource(ALL)
  void everyOptionIsOneOfItsProgram(String overlay) throws IOException {
    Map<String, String> pages =
        Map.of(
            "worker", page("docs/reference/worker.md"),
            "console", page("console/README.md"),
            "gateway", page("docs/reference/launcher.md"),
            "model", page("native-engine/src/main/java/dev/switchboard/worker/FetchModelMain.java"),
            "keys", page("gateway/src/main/java/dev/switchboard/gateway/boot/NewKeysMain.java"));
    int seen = 0;
    for (Pods pods : Rendered.of(overlay).pods()) {
      for (JsonNode container : pods.ours() ? pods.containers() : List.<JsonNode>of()) {
        String program = pages.getOrDefault(container.path("name").asText(), "");
        for (JsonNode argument : container.path("args")) {
          String option = argument.asText().replaceFirst("=.*", "");
          if (OPTION.matcher(option).matches()) {
            seen++;
            String name = pods + " " + option;
            assertFalse(
                !program.contains("`" + option) && !program.contains("\"" + option + "\""), name);
          }
        }
      }
    }
    assertFalse(seen == 0);
  }

  private static String page(String file) throws IOException {
    return Files.readString(Rendered.HOME.resolve(file));
  }
}

package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.telemetry.Metric;
import dev.switchboard.gateway.telemetry.Metrics;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The files under {@code dashboards/}, and which names they may use. */
public final class Dashboards {
  public static final Path FOLDER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("dashboards");

  /** A word that is a metric's name, not a function, label or keyword. */
  static final Pattern NAME =
      Pattern.compile("\\b(?:switchboard[_:]|jvm_|process_|DCGM_|otelcol_|up\\b)[\\w:]*");

  /** What others tell: Prometheus itself, NVIDIA's DCGM exporter, the OpenTelemetry collector. */
  private static final Set<String> FOREIGN =
      Set.of(
          "up",
          "otelcol_exporter_send_failed_spans",
          "otelcol_exporter_enqueue_failed_spans",
          "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early",
          "DCGM_FI_DEV_GPU_UTIL",
          "DCGM_FI_DEV_FB_USED",
          "DCGM_FI_DEV_FB_FREE",
          "DCGM_FI_DEV_POWER_USAGE",
          "DCGM_FI_DEV_GPU_TEMP",
          "DCGM_FI_DEV_XID_ERRORS",
          "DCGM_FI_PROF_DRAM_ACTIVE");

  private Dashboards() {}

  /** One dashboard. */
  public record Dashboard(String file, JsonNode json) {
    public String title() {
      return json.path("title").asText();
    }

    public List<JsonNode> panels() {
      return json.path("panels").valueStream().toList();
    }

    public List<JsonNode> variables() {
      return json.path("templating").path("list").valueStream().toList();
    }
  }

  /** One rule of Prometheus. */
  public record Rule(String file, JsonNode yaml) {
    /** The alert or the series. */
    public String name() {
      return yaml.path("alert").asText(yaml.path("record").asText());
    }

    public boolean alert() {
      return yaml.has("alert");
    }

    public String expression() {
      return yaml.path("expr").asText();
    }
  }

  /** All of them. */
  public static List<Dashboard> all() {
    List<Dashboard> found = new ArrayList<>();
    for (Path file : files(".json")) {
      try {
        found.add(
            new Dashboard(
                file.getFileName().toString(), new ObjectMapper().readTree(file.toFile())));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return found;
  }

  /** All rules. */
  public static List<Rule> rules() {
    List<Rule> found = new ArrayList<>();
    for (String file : List.of("recording.yml", "alerts.yml")) {
      for (JsonNode group : yaml(FOLDER.resolve("rules").resolve(file)).path("groups")) {
        group.path("rules").forEach(rule -> found.add(new Rule(file, rule)));
      }
    }
    return found;
  }

  static JsonNode yaml(Path file) {
    try {
      return new YAMLMapper().readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Path> files(String ending) {
    try (Stream<Path> files = Files.list(FOLDER)) {
      return files.filter(file -> file.toString().endsWith(ending)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Metrics that an expression, or a text, names. */
  static Set<String> named(String text) {
    return NAME.matcher(text)
        .results()
        .map(found -> found.group())
        .filter(name -> !name.endsWith("_") && !name.endsWith(":"))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Every name that somebody tells: the registry, the JVM, the recording rules, others. */
  static Set<String> known() {
    Set<String> known = new TreeSet<>(FOREIGN);
    for (Metric metric : Metric.values()) {
      known.add(metric.word());
      if (metric.type() == Metric.Type.HISTOGRAM) {
        known.addAll(endings(metric.word(), "_bucket", "_sum", "_count"));
      }
    }
    for (MetricSnapshot snapshot : new Metrics(model -> true, "1", false).registry().scrape()) {
      String name = snapshot.getMetadata().getPrometheusName();
      if (!name.startsWith("switchboard_")) {
        known.add(name);
        known.addAll(endings(name, "_total", "_sum", "_count", "_info"));
      }
    }
    rules().stream().filter(rule -> !rule.alert()).forEach(rule -> known.add(rule.name()));
    return known;
  }

  private static List<String> endings(String name, String... endings) {
    return Stream.of(endings).map(ending -> name + ending).toList();
  }
}

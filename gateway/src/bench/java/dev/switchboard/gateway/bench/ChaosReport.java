package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.bench.MarkdownTable;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What each scenario measured and which promises it broke, as a Markdown table and as JSON. */
final class ChaosReport {
  private final String machine;
  private final Map<ChaosScenario, ChaosStage> stages = new LinkedHashMap<>();

  ChaosReport(String machine) {
    this.machine = machine;
  }

  void add(ChaosScenario scenario, ChaosStage stage) {
    stages.put(scenario, stage);
  }

  /** Whether every promise was kept. */
  boolean kept() {
    return stages.values().stream().allMatch(stage -> stage.broken().isEmpty());
  }

  void print(PrintStream out) {
    out.println(machine);
    out.println();
    List<List<String>> rows = new ArrayList<>();
    stages.forEach(
        (scenario, stage) ->
            rows.add(
                List.of(
                    scenario.label(),
                    scenario.title(),
                    figures(stage),
                    stage.broken().isEmpty() ? "kept" : stage.broken().size() + " BROKEN")));
    MarkdownTable.print(out, List.of("scenario", "what is done", "measured", "promises"), rows);
    stages.forEach(
        (scenario, stage) ->
            stage
                .broken()
                .forEach(what -> out.println("BROKEN " + scenario.label() + ": " + what)));
  }

  private static String figures(ChaosStage stage) {
    List<String> parts = new ArrayList<>();
    stage
        .figures()
        .forEach((name, value) -> parts.add(name.replace('_', ' ') + " " + shown(value)));
    return String.join(", ", parts);
  }

  private static String shown(double value) {
    boolean whole = value == Math.rint(value) || Math.abs(value) >= 100;
    return String.format(Locale.ROOT, whole ? "%.0f" : "%.1f", value);
  }

  void write(Path file) throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode root = json.createObjectNode().put("machine", machine).put("kept", kept());
    stages.forEach(
        (scenario, stage) -> {
          ObjectNode node = root.withObject("/scenarios").putObject(scenario.label());
          stage.figures().forEach(node::put);
          stage.broken().forEach(node.putArray("broken")::add);
        });
    json.writerWithDefaultPrettyPrinter().writeValue(file.toFile(), root);
  }
}

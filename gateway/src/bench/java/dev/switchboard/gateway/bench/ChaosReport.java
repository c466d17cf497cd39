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

  /** Whether no promise was broken; one that could not be judged was not. */
  boolean kept() {
    return stages.values().stream().allMatch(stage -> stage.broken().isEmpty());
  }

  void print(PrintStream out) {
    out.println(machine);
    out.println();
    List<List<String>> rows = new ArrayList<>();
    stages.forEach(
        (scenario, stage) ->
            rows.add(List.of(scenario.label(), scenario.title(), figures(stage), verdict(stage))));
    MarkdownTable.print(out, List.of("scenario", "what is done", "measured", "promises"), rows);
    stages.forEach(
        (scenario, stage) -> {
          stage.broken().forEach(what -> out.println("BROKEN " + scenario.label() + ": " + what));
          stage
              .unjudged()
              .forEach(why -> out.println("NOT JUDGED " + scenario.label() + ": " + why));
        });
  }

  private static String verdict(ChaosStage stage) {
    if (!stage.broken().isEmpty()) {
      return stage.broken().size() + " BROKEN";
    }
    return stage.unjudged().isEmpty() ? "kept" : "not judged";
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
          stage.unjudged().forEach(node.putArray("not_judged")::add);
        });
    json.writerWithDefaultPrettyPrinter().writeValue(file.toFile(), root);
  }
}

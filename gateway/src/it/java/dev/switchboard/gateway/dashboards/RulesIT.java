package dev.switchboard.gateway.dashboards;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import dev.switchboard.testing.Await;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What Prometheus's own tool says of the rules, and of every expression of a panel. */
class RulesIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path RULES = Dashboards.FOLDER.resolve("rules").toAbsolutePath().normalize();

  @Test
  void theRulesAreWellFormed() throws Exception {
    promtool("check", "rules", "recording.yml", "alerts.yml");
  }

  @Test
  void alertsFireWhenTheyShallAndElseNot() throws Exception {
    promtool("test", "rules", "tests.yml", "days.yml", "drill.yml");
  }

  @Test
  void everyExpressionOfAPanelParses(@TempDir Path folder) throws Exception {
    ObjectNode file = JSON.createObjectNode();
    ArrayNode rules = file.putArray("groups").addObject().put("name", "panels").putArray("rules");
    for (Dashboard dashboard : Dashboards.all()) {
      for (JsonNode panel : dashboard.panels()) {
        for (JsonNode target : panel.path("targets")) {
          String expression =
              target.path("expr").asText().replace("$__rate_interval", "1m").replace("$", "");
          rules.addObject().put("record", "panel:" + rules.size()).put("expr", expression);
        }
      }
    }
    Path panels = folder.resolve("panels.yml");
    new YAMLMapper().writeValue(panels.toFile(), file);

    promtool("check", "rules", "--lint=none", panels.toString());
  }

  private static void promtool(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("promtool"));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).directory(RULES.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    boolean ended = process.waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS);

    assertEquals(0, ended ? process.exitValue() : -1, output);
  }
}

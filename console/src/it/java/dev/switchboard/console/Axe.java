package dev.switchboard.console;

import com.microsoft.playwright.Page;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** axe-core in the page: what hinders people who see little, or use no mouse. */
final class Axe {
  private static final String RUN =
      "() => axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify("
          + "r.violations.map(v => ({id: v.id, impact: v.impact,"
          + " nodes: v.nodes.map(n => n.target.flat().join(' ') + ' ' + n.failureSummary)}))))";

  private final String source;

  Axe() throws IOException {
    try (InputStream in = Objects.requireNonNull(Axe.class.getResourceAsStream("/axe.min.js"))) {
      source = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** The violations of the page as it is that are serious or critical, a line for each. */
  List<String> serious(Page page) {
    page.evaluate(source);
    List<String> found = new ArrayList<>();
    for (JsonNode v : JsonMapper.shared().readTree((String) page.evaluate(RUN))) {
      String impact = v.path("impact").asString("");
      if (impact.equals("serious") || impact.equals("critical")) {
        v.path("nodes")
            .forEach(
                node ->
                    found.add(impact + " " + v.path("id").asString("") + ": " + node.asString("")));
      }
    }
    return found;
  }
}

package dev.switchboard.gateway.dashboards;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The rules of Grafana's dashboard linter, each a test of its name. What is excused stands in
 * {@code dashboards/.lint} with its reason. That expressions parse is what Prometheus itself says,
 * in the tests that run it; here only their selectors are looked at.
 */
class DashboardLintTest {
  private static final Set<String> UNITS =
      Set.of(
          "reqps",
          "ops",
          "short",
          "percent",
          "percentunit",
          "s",
          "bytes",
          "decmbytes",
          "Bps",
          "MBs",
          "bool",
          "watt",
          "celsius",
          "hertz");
  private static final Pattern SELECTOR = Pattern.compile("([a-zA-Z_:][\\w:]*)\\{([^}]*)}");
  private static final Pattern RANGE = Pattern.compile("\\[([^]]+)]");
  private static final Pattern COUNTER =
      Pattern.compile("[a-zA-Z_:][\\w:]*_(?:total|sum|count|bucket)\\b(?:\\{[^}]*})?(\\[)?");

  private final List<Dashboard> dashboards = Dashboards.all();
  private final JsonNode excused =
      Dashboards.yaml(Dashboards.FOLDER.resolve(".lint")).path("exclusions");
  private final List<String> found = new ArrayList<>();

  private interface PanelCheck {
    boolean holds(JsonNode panel);
  }

  private interface TargetCheck {
    boolean holds(JsonNode target);
  }

  @Test
  void thereIsOneDashboardForEachView() {
    assertEquals(
        List.of(
            "drain.json", "engine.json", "fleet.json", "gateway.json", "gpu.json", "model.json"),
        dashboards.stream().map(Dashboard::file).toList());
  }

  @Test
  void templateDatasourceRule() {
    for (Dashboard dashboard : dashboards) {
      List<JsonNode> sources =
          dashboard.variables().stream().filter(v -> is(v, "type", "datasource")).toList();
      assertEquals(1, sources.size(), dashboard::title);
      JsonNode source = sources.getFirst();
      assertEquals("datasource", source.path("name").asText(), dashboard::title);
      assertEquals("Data Source", source.path("label").asText(), dashboard::title);
      assertEquals("prometheus", source.path("query").asText(), dashboard::title);
    }
  }

  @Test
  void templateJobRule() {
    dashboards.forEach(dashboard -> everyOf(dashboard, "job", "Job"));
  }

  @Test
  void templateInstanceRule() {
    dashboards.forEach(dashboard -> everyOf(dashboard, "instance", "Instance"));
  }

  private static void everyOf(Dashboard dashboard, String name, String label) {
    JsonNode variable =
        dashboard.variables().stream()
            .filter(v -> is(v, "name", name))
            .findFirst()
            .orElseThrow(() -> new AssertionError(dashboard.title() + " has no " + name));
    assertEquals(label, variable.path("label").asText(), dashboard::title);
    assertEquals("query", variable.path("type").asText(), dashboard::title);
    assertEquals(".+", variable.path("allValue").asText(), dashboard::title);
    assertTrue(variable.path("multi").asBoolean(), dashboard::title);
    assertTrue(variable.path("includeAll").asBoolean(), dashboard::title);
    assertEquals("$datasource", variable.path("datasource").path("uid").asText(), dashboard::title);
  }

  @Test
  void templateLabelPromqlRule() {
    for (Dashboard dashboard : dashboards) {
      for (JsonNode variable : dashboard.variables()) {
        if (is(variable, "type", "query")) {
          String query = variable.path("query").asText();
          assertTrue(
              query.matches("label_values\\([a-zA-Z_]\\w*(\\{[^}]*})?, [a-z]\\w*\\)"),
              () -> dashboard.title() + ": " + query);
        }
      }
    }
  }

  @Test
  void templateOnTimeChangeReloadRule() {
    for (Dashboard dashboard : dashboards) {
      for (JsonNode variable : dashboard.variables()) {
        if (is(variable, "type", "query")) {
          assertEquals(2, variable.path("refresh").asInt(), dashboard::title);
        }
      }
    }
  }

  @Test
  void panelDatasourceRule() {
    panels(
        "panel-datasource-rule",
        panel -> panel.path("datasource").path("uid").asText().equals("$datasource"));
    targets(
        "panel-datasource-rule",
        target -> target.path("datasource").path("uid").asText().equals("$datasource"));
  }

  @Test
  void panelTitleDescriptionRule() {
    panels(
        "panel-title-description-rule",
        panel ->
            !panel.path("title").asText().isBlank()
                && !panel.path("description").asText().isBlank());
  }

  @Test
  void panelUnitsRule() {
    panels("panel-units-rule", panel -> UNITS.contains(defaults(panel).path("unit").asText()));
  }

  @Test
  void panelNoTargetsRule() {
    panels("panel-no-targets-rule", panel -> !panel.path("targets").isEmpty());
  }

  /** Brackets and quotes that do not close; Prometheus judges the rest. */
  @Test
  void targetPromqlRule() {
    targets("target-promql-rule", target -> balanced(target.path("expr").asText()));
  }

  @Test
  void targetRateIntervalRule() {
    targets(
        "target-rate-interval-rule",
        target -> {
          Matcher range = RANGE.matcher(target.path("expr").asText());
          return range.results().allMatch(one -> one.group(1).equals("$__rate_interval"));
        });
  }

  @Test
  void targetJobRule() {
    targets("target-job-rule", target -> everySelectorHas(target, "job=~\"$job\""));
  }

  @Test
  void targetInstanceRule() {
    targets("target-instance-rule", target -> everySelectorHas(target, "instance=~\"$instance\""));
  }

  /** A counter is looked at as a rate or as a growth. */
  @Test
  void targetCounterAggRule() {
    targets(
        "target-counter-agg-rule",
        target -> {
          Matcher counter = COUNTER.matcher(target.path("expr").asText());
          return counter.results().allMatch(one -> one.group(1) != null);
        });
  }

  /** There are no logs here: every query is Prometheus's. */
  @Test
  void targetLogqlRule() {
    targets(
        "target-logql-rule",
        target -> target.path("datasource").path("type").asText().equals("prometheus"));
  }

  /** Nor a range that Loki would choose by itself. */
  @Test
  void targetLogqlAutoRule() {
    targets("target-logql-auto-rule", target -> !target.path("expr").asText().contains("$__auto"));
  }

  @Test
  void uneditableDashboardRule() {
    dashboards.forEach(
        dashboard ->
            assertEquals(
                false, dashboard.json().path("editable").asBoolean(true), dashboard::title));
  }

  @Test
  void everyPanelLeadsToTracesAndToTheConsole() {
    panels(
        "data links",
        panel -> {
          Set<String> urls = new TreeSet<>();
          defaults(panel).path("links").forEach(link -> urls.add(link.path("url").asText()));
          return urls.stream().anyMatch(url -> url.startsWith("${traces}"))
              && urls.stream().anyMatch(url -> url.startsWith("${console}"));
        });
  }

  @Test
  void everyHistogramAsksForExemplars() {
    targets(
        "exemplars",
        target ->
            !target.path("expr").asText().contains("_bucket")
                || target.path("exemplar").asBoolean());
  }

  @Test
  void idsAreUniqueAndPanelsDoNotOverlap() {
    Set<String> uids = new TreeSet<>();
    for (Dashboard dashboard : dashboards) {
      assertTrue(uids.add(dashboard.json().path("uid").asText()), dashboard::title);
      Set<String> cells = new TreeSet<>();
      Set<Integer> ids = new TreeSet<>();
      for (JsonNode panel : dashboard.panels()) {
        assertTrue(ids.add(panel.path("id").asInt()), dashboard::title);
        JsonNode at = panel.path("gridPos");
        for (int x = at.path("x").asInt(); x < at.path("x").asInt() + at.path("w").asInt(); x++) {
          for (int y = at.path("y").asInt(); y < at.path("y").asInt() + at.path("h").asInt(); y++) {
            assertTrue(
                x < 24 && cells.add(x + "," + y), () -> dashboard.title() + panel.path("title"));
          }
        }
      }
    }
  }

  private void panels(String rule, PanelCheck check) {
    for (Dashboard dashboard : dashboards) {
      for (JsonNode panel : dashboard.panels()) {
        String title = panel.path("title").asText();
        if (!check.holds(panel) && !excused(rule, dashboard.title(), title)) {
          found.add(dashboard.title() + ": " + title);
        }
      }
    }
    assertEquals(List.of(), found, rule);
  }

  private void targets(String rule, TargetCheck check) {
    panels(rule, panel -> panel.path("targets").valueStream().allMatch(check::holds));
  }

  private boolean excused(String rule, String dashboard, String panel) {
    return excused
        .path(rule)
        .valueStream()
        .anyMatch(
            one ->
                is(one, "dashboard", dashboard)
                    && is(one, "panel", panel)
                    && !one.path("reason").asText().isBlank());
  }

  private static boolean everySelectorHas(JsonNode target, String matcher) {
    String expression = target.path("expr").asText();
    Matcher selector = SELECTOR.matcher(expression);
    int selectors = 0;
    while (selector.find()) {
      selectors++;
      if (!selector.group(2).contains(matcher)) {
        return false;
      }
    }
    // A metric without braces has no matcher at all.
    return selectors == Dashboards.NAME.matcher(expression).results().count();
  }

  private static boolean balanced(String expression) {
    int depth = 0;
    boolean quoted = false;
    for (int i = 0; i < expression.length(); i++) {
      char c = expression.charAt(i);
      quoted ^= c == '"';
      if (!quoted) {
        depth += "([{".indexOf(c) >= 0 ? 1 : ")]}".indexOf(c) >= 0 ? -1 : 0;
      }
      if (depth < 0) {
        return false;
      }
    }
    return depth == 0 && !quoted && !expression.isBlank();
  }

  private static JsonNode defaults(JsonNode panel) {
    return panel.path("fieldConfig").path("defaults");
  }

  private static boolean is(JsonNode node, String field, String value) {
    return node.path(field).asText().equals(value);
  }
}

package dev.switchboard.gateway.dashboards;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is excused stands in {@code dashboards/.lint} with its reason. */
class DashboardLintTest {
  private final List<Dashboard> dashboards = Dashboards.all();
  private final JsonNode excused =
      Dashboards.yaml(Dashboards.FOLDER.resolve(".lint")).path("exclusions");

  @Test
  void thereIsOneDashboardForEachView() {
    Set<String> uids = new HashSet<>();
    dashboards.forEach(dashboard -> uids.add(dashboard.json().path("uid").asText()));

    assertEquals(
        List.of(
            "drain.json",
            "engine.json",
            "fleet.json",
            "gateway.json",
            "gpu.json",
            "model.json",
            "scaling.json"),
        dashboards.stream().map(Dashboard::file).toList());
    assertEquals(dashboards.size(), uids.size());
  }

  @Test
  void allTogetherHaveFewPanels() {
    int panels = dashboards.stream().mapToInt(dashboard -> dashboard.panels().size()).sum();

    assertTrue(panels <= 68, "there are " + panels);
  }

  @Test
  void everyRuleOfGrafanasLinterIsHere() {
    assertEquals(
        LintRule.OF_GRAFANA,
        Arrays.stream(LintRule.values()).filter(rule -> rule.word().endsWith("-rule")).count());
  }

  @ParameterizedTest
  @EnumSource
  void everyDashboardKeepsTheRule(LintRule rule) {
    List<String> found = new ArrayList<>();
    for (Dashboard dashboard : dashboards) {
      for (String where : rule.violations(dashboard)) {
        if (!excused(rule, dashboard.title(), where)) {
          found.add(dashboard.title() + ": " + where);
        }
      }
    }

    assertEquals(List.of(), found);
  }

  @ParameterizedTest
  @EnumSource
  void theRuleFindsWhatBreaksIt(LintRule rule) {
    Dashboard good =
        dashboards.stream()
            .filter(one -> one.file().equals("engine.json"))
            .findFirst()
            .orElseThrow();

    assertEquals(List.of(), rule.violations(good));
    assertFalse(rule.violations(rule.broken(good)).isEmpty());
  }

  /** One that is no longer needed would hide the next mistake there. */
  @Test
  void everythingExcusedNeedsIt() {
    Set<String> rules = new TreeSet<>();
    excused.fieldNames().forEachRemaining(rules::add);
    for (LintRule rule : LintRule.values()) {
      for (JsonNode one : excused.path(rule.word())) {
        assertFalse(one.path("reason").asText().isBlank(), one::toString);
        assertTrue(
            dashboards.stream()
                .filter(dashboard -> dashboard.title().equals(one.path("dashboard").asText()))
                .anyMatch(
                    dashboard -> rule.violations(dashboard).contains(one.path("panel").asText())),
            one::toString);
      }
      rules.remove(rule.word());
    }

    assertEquals(Set.of(), rules);
  }

  private boolean excused(LintRule rule, String dashboard, String panel) {
    return excused
        .path(rule.word())
        .valueStream()
        .anyMatch(
            one ->
                one.path("dashboard").asText().equals(dashboard)
                    && one.path("panel").asText().equals(panel));
  }
}

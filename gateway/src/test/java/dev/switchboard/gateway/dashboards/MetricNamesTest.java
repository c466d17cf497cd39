package dev.switchboard.gateway.dashboards;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.Pages;
import dev.switchboard.gateway.Pages.Page;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import dev.switchboard.gateway.dashboards.Dashboards.Rule;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.telemetry.Label;
import dev.switchboard.gateway.telemetry.Metric;
import dev.switchboard.gateway.telemetry.Metrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every name of a metric that a dashboard, a rule or a page uses is one that somebody tells. */
class MetricNamesTest {
  /** What is built where nvcc is; no metric. */
  private static final String CUDA_TARGET = "switchboard_cuda";

  private static final Path HOME = Path.of(System.getProperty("switchboard.home", ".."));
  private static final Pattern SELECTOR = Pattern.compile("(switchboard_\\w+)\\{([^}]*)}");
  private static final Pattern RISE =
      Pattern.compile("(?:rate|increase)\\((switchboard_\\w+)(\\{[^}]*})?\\[");
  private static final Pattern EQUAL = Pattern.compile("(\\w+)=\"([^\"]*)\"");
  private static final Pattern MATCHER = Pattern.compile("(\\w+)\\s*(?:=~|!~|!=|=)\\s*\"");

  /** What a scrape or a histogram adds to the labels of a metric. */
  private static final Set<String> ADDED = Set.of("job", "instance", "le");

  private final Set<String> known = Dashboards.known();

  @Test
  void dashboardsNameOnlyMetricsThatExist() {
    Set<String> unknown = new TreeSet<>();
    for (Dashboard dashboard : Dashboards.all()) {
      for (JsonNode panel : dashboard.panels()) {
        for (JsonNode target : panel.path("targets")) {
          unknown.addAll(unknown(target.path("expr").asText()));
        }
      }
      dashboard
          .variables()
          .forEach(variable -> unknown.addAll(unknown(variable.path("query").asText())));
    }

    assertEquals(Set.of(), unknown);
  }

  @Test
  void rulesNameOnlyMetricsThatExist() {
    Set<String> unknown = new TreeSet<>();
    Dashboards.rules().forEach(rule -> unknown.addAll(unknown(rule.expression())));

    assertEquals(Set.of(), unknown);
  }

  @Test
  void pagesNameOnlyMetricsThatExist() {
    Set<String> unknown = new TreeSet<>();
    for (Page page : Pages.all()) {
      page.code()
          .flatMap(code -> Pages.matches("\\bswitchboard_\\w*[a-z](?![\\w*])", code))
          .map(found -> found.group())
          .filter(name -> !known.contains(name) && !ofWorkers(page, name))
          .filter(name -> !name.equals(CUDA_TARGET))
          .forEach(unknown::add);
    }

    assertEquals(Set.of(), unknown);
  }

  /** What workers serve themselves; the test of their page holds them. */
  private static boolean ofWorkers(Page page, String name) {
    return page.name().equals("docs/reference/worker-metrics.md")
        && name.startsWith("switchboard_worker_");
  }

  @Test
  void anUnknownNameIsFound() {
    assertEquals(
        Set.of("switchboard_no_such_total"),
        unknown("rate(switchboard_no_such_total[1m]) + switchboard_store_up"));
  }

  @Test
  void selectorsUseOnlyLabelsThatTheMetricHas() {
    Set<String> wrong = new TreeSet<>();
    for (String expression : expressions()) {
      Matcher selector = SELECTOR.matcher(expression);
      while (selector.find()) {
        Set<String> labels = labels(selector.group(1));
        Matcher matcher = MATCHER.matcher(selector.group(2));
        while (matcher.find()) {
          if (!labels.contains(matcher.group(1))) {
            wrong.add(selector.group(1) + " has no " + matcher.group(1));
          }
        }
      }
    }

    assertEquals(Set.of(), wrong);
  }

  /**
   * Nothing is told for nobody: what neither a panel nor a rule reads has a question of its own.
   */
  @Test
  void everyMetricIsOnADashboardOrThePageSaysWhenToAskIt() throws IOException {
    String all = String.join("\n", expressions());
    Set<String> unseen =
        Arrays.stream(Metric.values())
            .map(Metric::word)
            .filter(name -> !all.contains(name))
            .collect(Collectors.toCollection(TreeSet::new));

    assertEquals(unseen, asked());
  }

  /** Metrics of the page's table of those without a panel. */
  private static Set<String> asked() throws IOException {
    String page = Files.readString(Dashboards.FOLDER.resolve("README.md"));
    String section = page.split("\n## Without a panel\n", -1)[1].split("\n## ", -1)[0];
    return Pattern.compile("(?<=[|,] `)(switchboard_\\w+)(?=`(?:,| \\|))")
        .matcher(section)
        .results()
        .map(found -> found.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void everyAlertHasARunbookAndATest() throws IOException {
    String page = Files.readString(HOME.resolve("docs/alerts.md"));
    String tests =
        Files.readString(Dashboards.FOLDER.resolve("rules/tests.yml"))
            + Files.readString(Dashboards.FOLDER.resolve("rules/days.yml"));
    Set<String> names = new HashSet<>();
    for (Rule rule : Dashboards.rules()) {
      if (rule.alert()) {
        names.add(rule.name());
        assertTrue(page.contains("\n### " + rule.name() + "\n"), rule::name);
        assertTrue(fires(tests, rule.name()), rule::name);
        assertTrue(stays(tests, rule.name()), rule::name);
        assertEquals(
            "docs/alerts.md#" + rule.name().toLowerCase(Locale.ROOT),
            rule.yaml().path("annotations").path("runbook").asText());
        assertTrue(Set.of("page", "ticket").contains(severity(rule)), rule::name);
      }
    }
    Set<String> sections =
        Pattern.compile("(?m)^### (Switchboard\\w+)$")
            .matcher(page)
            .results()
            .map(found -> found.group(1))
            .collect(Collectors.toSet());
    assertEquals(names, sections);
    assertFalse(names.isEmpty());
  }

  private static String severity(Rule rule) {
    return rule.yaml().path("labels").path("severity").asText();
  }

  /** Whether a test expects the alert, and not only its absence. */
  private static boolean fires(String tests, String name) {
    return Pattern.compile("alertname: " + name + "\\n\\s+eval_time: \\w+\\n\\s+exp_alerts:\\n")
        .matcher(tests)
        .find();
  }

  /** Whether a test expects that it does not fire, too. */
  private static boolean stays(String tests, String name) {
    return Pattern.compile(
            "alertname: " + name + "\\n\\s+eval_time: \\w+\\n\\s+exp_alerts: \\[]\\n")
        .matcher(tests + "\n")
        .find();
  }

  /** Prometheus sees no increase of a series that begins with its first event. */
  @Test
  void whatAnAlertSeesRiseIsThereBeforeItDoes() {
    Metrics metrics = new Metrics("m"::equals, "1", true);
    metrics.eventLoopLag("api");
    metrics.replicaState("w0", "m", null, "STARTING");
    metrics.replicaLoad("w0", ReplicaReport.NONE);
    metrics.compared("w0", 0, 0, 0, 0);

    Set<String> missing = new TreeSet<>();
    int watched = 0;
    for (Rule rule : Dashboards.rules()) {
      Matcher rise = RISE.matcher(rule.alert() ? rule.expression() : "");
      while (rise.find()) {
        // Those of the agent's extension are there when it is.
        if (!rise.group(1).equals(Metric.SPANS.word())) {
          watched++;
          if (!begun(metrics, rise.group(1), String.valueOf(rise.group(2)))) {
            missing.add(rule.name() + ": " + rise.group());
          }
        }
      }
    }

    assertEquals(Set.of(), missing);
    assertTrue(watched >= 6, "only " + watched);
  }

  /**
   * Whether there is a series of that name whose labels are equal where the matchers ask for it.
   */
  private static boolean begun(Metrics metrics, String name, String matchers) {
    Map<String, String> wanted = new HashMap<>();
    EQUAL.matcher(matchers).results().forEach(one -> wanted.put(one.group(1), one.group(2)));
    String family = name.replaceFirst("_(total|bucket)$", "");
    return metrics.registry().scrape().stream()
        .filter(snapshot -> snapshot.getMetadata().getPrometheusName().equals(family))
        .flatMap(snapshot -> snapshot.getDataPoints().stream())
        .anyMatch(
            point ->
                wanted.entrySet().stream()
                    .allMatch(one -> one.getValue().equals(point.getLabels().get(one.getKey()))));
  }

  private static List<String> expressions() {
    Stream<String> panels =
        Dashboards.all().stream()
            .flatMap(dashboard -> dashboard.panels().stream())
            .flatMap(panel -> panel.path("targets").valueStream())
            .map(target -> target.path("expr").asText());
    return Stream.concat(panels, Dashboards.rules().stream().map(Rule::expression)).toList();
  }

  private static Set<String> labels(String name) {
    Set<String> labels = new HashSet<>(ADDED);
    for (Metric metric : Metric.values()) {
      if (name.replaceFirst("_(bucket|sum|count)$", "").equals(metric.word())
          || name.equals(metric.word())) {
        metric.labels().stream().map(Label::word).forEach(labels::add);
      }
    }
    return labels;
  }

  private Set<String> unknown(String text) {
    Set<String> names = Dashboards.named(text);
    names.removeAll(known);
    return names;
  }
}

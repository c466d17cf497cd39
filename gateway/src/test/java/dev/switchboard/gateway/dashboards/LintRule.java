package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The rules of Grafana's dashboard linter, each by its name, and four of this project. Every one
 * carries a way to break it, so that a test can see it find what it is there for. That expressions
 * parse is what Prometheus itself says, in the tests that run it; here only their selectors are
 * looked at.
 */
enum LintRule {
  TEMPLATE_DATASOURCE_RULE(
      dashboard -> {
        List<JsonNode> sources =
            dashboard.variables().stream().filter(one -> is(one, "type", "datasource")).toList();
        boolean good =
            sources.size() == 1
                && is(sources.getFirst(), "name", "datasource")
                && is(sources.getFirst(), "label", "Data Source")
                && is(sources.getFirst(), "query", "prometheus");
        return good ? List.of() : List.of("datasource");
      },
      dashboard -> variable(dashboard, "datasource").put("query", "loki")),

  TEMPLATE_JOB_RULE(
      dashboard -> everyOf(dashboard, "job", "Job"),
      dashboard -> variable(dashboard, "job").put("multi", false)),

  TEMPLATE_INSTANCE_RULE(
      dashboard -> everyOf(dashboard, "instance", "Instance"),
      dashboard -> variable(dashboard, "instance").put("allValue", "")),

  TEMPLATE_LABEL_PROMQL_RULE(
      dashboard ->
          queries(
              dashboard,
              one ->
                  one.path("query")
                      .asText()
                      .matches("label_values\\([a-zA-Z_]\\w*(\\{[^}]*})?, [a-z]\\w*\\)")),
      dashboard -> variable(dashboard, "instance").put("query", "label_values(up{job=, instance)")),

  TEMPLATE_ON_TIME_CHANGE_RELOAD_RULE(
      dashboard -> queries(dashboard, one -> one.path("refresh").asInt() == 2),
      dashboard -> variable(dashboard, "job").put("refresh", 1)),

  PANEL_DATASOURCE_RULE(
      dashboard ->
          panels(
              dashboard,
              panel ->
                  source(panel) && panel.path("targets").valueStream().allMatch(LintRule::source)),
      dashboard ->
          ((ObjectNode) panel(dashboard).path("datasource")).put("uid", "P1809F7CD0C75ACF3")),

  PANEL_TITLE_DESCRIPTION_RULE(
      dashboard ->
          panels(
              dashboard,
              panel ->
                  !panel.path("title").asText().isBlank()
                      && !panel.path("description").asText().isBlank()),
      dashboard -> panel(dashboard).remove("description")),

  PANEL_UNITS_RULE(
      dashboard ->
          panels(dashboard, panel -> units().contains(defaults(panel).path("unit").asText())),
      dashboard -> ((ObjectNode) defaults(panel(dashboard))).remove("unit")),

  PANEL_NO_TARGETS_RULE(
      dashboard -> panels(dashboard, panel -> !panel.path("targets").isEmpty()),
      dashboard -> panel(dashboard).putArray("targets")),

  /** Brackets and quotes that do not close; Prometheus judges the rest. */
  TARGET_PROMQL_RULE(
      dashboard -> expressions(dashboard, LintRule::balanced),
      dashboard -> target(dashboard).put("expr", "sum(rate(x[$__rate_interval])")),

  TARGET_RATE_INTERVAL_RULE(
      dashboard ->
          expressions(
              dashboard,
              expression ->
                  Pattern.compile("\\[([^]]+)]")
                      .matcher(expression)
                      .results()
                      .allMatch(range -> range.group(1).equals("$__rate_interval"))),
      dashboard -> target(dashboard).put("expr", "rate(x_total[5m])")),

  TARGET_JOB_RULE(
      dashboard -> expressions(dashboard, one -> everySelectorHas(one, "job=~\"$job\"")),
      dashboard -> target(dashboard).put("expr", "switchboard_store_up{instance=~\"$instance\"}")),

  TARGET_INSTANCE_RULE(
      dashboard -> expressions(dashboard, one -> everySelectorHas(one, "instance=~\"$instance\"")),
      dashboard -> target(dashboard).put("expr", "switchboard_store_up{job=~\"$job\"}")),

  /** A counter is looked at as a rate or as a growth. */
  TARGET_COUNTER_AGG_RULE(
      dashboard ->
          expressions(
              dashboard,
              expression ->
                  Pattern.compile(
                          "[a-zA-Z_:][\\w:]*_(?:total|sum|count|bucket)\\b(?:\\{[^}]*})?(\\[)?")
                      .matcher(expression)
                      .results()
                      .allMatch(counter -> counter.group(1) != null)),
      dashboard -> target(dashboard).put("expr", "sum(switchboard_requests_total)")),

  /** There are no logs here: every query is Prometheus's. */
  TARGET_LOGQL_RULE(
      dashboard ->
          targets(dashboard, target -> is(target.path("datasource"), "type", "prometheus")),
      dashboard -> ((ObjectNode) target(dashboard).path("datasource")).put("type", "loki")),

  /** Nor a range that Loki would choose by itself. */
  TARGET_LOGQL_AUTO_RULE(
      dashboard -> expressions(dashboard, expression -> !expression.contains("$__auto")),
      dashboard -> target(dashboard).put("expr", "rate({app=\"x\"}[$__auto])")),

  UNEDITABLE_DASHBOARD_RULE(
      dashboard ->
          dashboard.json().path("editable").asBoolean(true) ? List.of("editable") : List.of(),
      dashboard -> dashboard.put("editable", true)),

  /** Of this project: from a point to its traces, and to what the admin API says. */
  HOUSE_DATA_LINKS(
      dashboard ->
          panels(
              dashboard,
              panel -> {
                List<DataLink> links = DataLink.of(dashboard, panel);
                return links.stream().anyMatch(DataLink::toTraces)
                    && links.stream().anyMatch(DataLink::toAdmin);
              }),
      dashboard -> links(dashboard).remove(1)),

  /**
   * Of this project: nothing stands at the roots of the APIs, nor under a label that is not there.
   */
  HOUSE_DATA_LINKS_ANSWER(
      dashboard ->
          panels(
              dashboard,
              panel ->
                  DataLink.of(dashboard, panel).stream()
                      .allMatch(link -> link.toTraces() || link.toAdmin())),
      dashboard -> links(dashboard).addObject().put("url", "${admin}/admin/v1")),

  /** Of this project: a histogram asks for the requests that it counts. */
  HOUSE_EXEMPLARS(
      dashboard ->
          targets(
              dashboard,
              target ->
                  !target.path("expr").asText().contains("_bucket")
                      || target.path("exemplar").asBoolean()),
      dashboard -> target(dashboard).put("expr", "switchboard_ttft_seconds_bucket")),

  /** Of this project: panels lie apart and inside, and have numbers and titles of their own. */
  HOUSE_PLACES(
      LintRule::crowded, dashboard -> ((ObjectNode) panel(dashboard).path("gridPos")).put("w", 13)),

  /** Of this project: what one looks through while something is broken. */
  HOUSE_FEW(
      dashboard ->
          dashboard.panels().stream()
              .skip(LintRule.MOST_PANELS)
              .map(panel -> panel.path("title").asText())
              .toList(),
      dashboard -> {
        ArrayNode panels = (ArrayNode) dashboard.path("panels");
        while (panels.size() <= LintRule.MOST_PANELS) {
          panels.add(panels.get(0).deepCopy());
        }
      }),

  /**
   * Of this project: thresholds of one step are a colour that never changes, those of a graph are
   * to be seen in it, and a number without any says nothing about itself.
   */
  HOUSE_THRESHOLDS(
      dashboard -> panels(dashboard, LintRule::thresholds),
      dashboard ->
          ((ObjectNode) defaults(panel(dashboard)))
              .putObject("thresholds")
              .putArray("steps")
              .addObject()
              .put("color", "green")),

  /** Of this project: a series for each replica or rank is a row of a table, which may be long. */
  HOUSE_LEGENDS(
      dashboard ->
          panels(
              dashboard,
              panel ->
                  !panel.path("type").asText().equals("timeseries")
                      || panel.path("targets").findValuesAsText("legendFormat").stream()
                          .noneMatch(name -> name.contains("{{replica}}"))
                      || panel.at("/options/legend/displayMode").asText().equals("table")),
      dashboard -> {
        panel(dashboard).put("type", "timeseries");
        target(dashboard).put("legendFormat", "{{replica}}");
        panel(dashboard).putObject("options");
      }),

  /**
   * Of this project: each gateway names replicas for itself, and several tell of the same worker.
   * What is added up over gateways is of nobody.
   */
  HOUSE_INSTANCES(
      dashboard -> {
        List<String> found =
            new ArrayList<>(expressions(dashboard, LintRule::keepsReplicasOfGatewaysApart));
        for (JsonNode mark : dashboard.json().at("/annotations/list")) {
          if (!keepsReplicasOfGatewaysApart(mark.path("expr").asText())) {
            found.add(mark.path("name").asText());
          }
        }
        return found;
      },
      dashboard ->
          target(dashboard).put("expr", "sum by (replica) (switchboard_replica_sequences)")),

  /**
   * Of this project: what the gateway tells is shown beside the drains and restarts of the time.
   */
  HOUSE_ANNOTATIONS(
      dashboard ->
          dashboard.file().equals("gpu.json")
                  || dashboard
                      .json()
                      .at("/annotations/list")
                      .findValuesAsText("name")
                      .containsAll(List.of("Drains", "Restarts"))
              ? List.of()
              : List.of("annotations"),
      dashboard -> dashboard.putObject("annotations").putArray("list"));

  /** Of one dashboard. */
  static final int MOST_PANELS = 14;

  /** Metrics that are of one replica; how often its state changed is counted by who saw it. */
  private static final Pattern OF_A_REPLICA =
      Pattern.compile("switchboard_(?:rank|device|collective|replica_(?!transitions))");

  /** Those of Grafana's own linter. */
  static final int OF_GRAFANA = 17;

  @SuppressWarnings("ImmutableEnumChecker") // no state
  private final Function<Dashboard, List<String>> check;

  @SuppressWarnings("ImmutableEnumChecker") // no state
  private final Consumer<ObjectNode> breaker;

  /**
   * @param check says what breaks the rule: the panel's title, or the variable's name
   * @param breaker breaks it in a dashboard
   */
  LintRule(Function<Dashboard, List<String>> check, Consumer<ObjectNode> breaker) {
    this.check = check;
    this.breaker = breaker;
  }

  /** As the linter and the exclusions call it. */
  String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  List<String> violations(Dashboard dashboard) {
    return check.apply(dashboard);
  }

  /** The same dashboard, but one that breaks this rule. */
  Dashboard broken(Dashboard dashboard) {
    ObjectNode copy = dashboard.json().deepCopy();
    breaker.accept(copy);
    return new Dashboard(dashboard.file(), copy);
  }

  private static List<String> everyOf(Dashboard dashboard, String name, String label) {
    return dashboard.variables().stream()
            .anyMatch(
                one ->
                    is(one, "name", name)
                        && is(one, "label", label)
                        && is(one, "type", "query")
                        && is(one, "allValue", ".+")
                        && one.path("multi").asBoolean()
                        && one.path("includeAll").asBoolean()
                        && source(one))
        ? List.of()
        : List.of(name);
  }

  private static List<String> queries(Dashboard dashboard, Predicate<JsonNode> good) {
    return dashboard.variables().stream()
        .filter(one -> is(one, "type", "query") && !good.test(one))
        .map(one -> one.path("name").asText())
        .toList();
  }

  private static List<String> panels(Dashboard dashboard, Predicate<JsonNode> good) {
    return dashboard.panels().stream()
        .filter(panel -> !good.test(panel))
        .map(panel -> panel.path("title").asText())
        .toList();
  }

  private static List<String> targets(Dashboard dashboard, Predicate<JsonNode> good) {
    return panels(dashboard, panel -> panel.path("targets").valueStream().allMatch(good));
  }

  private static List<String> expressions(Dashboard dashboard, Predicate<String> good) {
    return targets(dashboard, target -> good.test(target.path("expr").asText()));
  }

  private static boolean keepsReplicasOfGatewaysApart(String expression) {
    Pattern grouped =
        Pattern.compile(
            "\\b(sum|count|avg|min|max) by \\(([^)]*)\\) \\((?:\\w+\\()?(\\w+)(?=[\\s{)])");
    return grouped
        .matcher(expression)
        .results()
        .allMatch(
            by -> {
              List<String> labels = List.of(by.group(2).split(", "));
              boolean added =
                  !by.group(1).startsWith("m") && OF_A_REPLICA.matcher(by.group(3)).lookingAt();
              return labels.contains("instance") || !(added || labels.contains("replica"));
            });
  }

  private static boolean everySelectorHas(String expression, String matcher) {
    Matcher selector = Pattern.compile("[a-zA-Z_:][\\w:]*\\{([^}]*)}").matcher(expression);
    int selectors = 0;
    while (selector.find()) {
      selectors++;
      if (!selector.group(1).contains(matcher)) {
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

  private static List<String> crowded(Dashboard dashboard) {
    List<String> crowded = new ArrayList<>();
    Set<String> cells = new TreeSet<>();
    Set<Integer> ids = new TreeSet<>();
    Set<String> titles = new TreeSet<>();
    for (JsonNode panel : dashboard.panels()) {
      boolean alone = ids.add(panel.path("id").asInt());
      alone &= titles.add(panel.path("title").asText());
      JsonNode at = panel.path("gridPos");
      for (int x = at.path("x").asInt(); x < at.path("x").asInt() + at.path("w").asInt(); x++) {
        for (int y = at.path("y").asInt(); y < at.path("y").asInt() + at.path("h").asInt(); y++) {
          alone &= x < 24 && cells.add(x + "," + y);
        }
      }
      if (!alone) {
        crowded.add(panel.path("title").asText());
      }
    }
    return crowded;
  }

  private static boolean thresholds(JsonNode panel) {
    List<String> colors = defaults(panel).at("/thresholds/steps").findValuesAsText("color");
    boolean shown =
        switch (panel.path("type").asText()) {
          case "timeseries" ->
              colors.isEmpty()
                  || is(defaults(panel).at("/custom/thresholdsStyle"), "mode", "dashed");
          case "heatmap" -> true;
          default -> !colors.isEmpty() && is(defaults(panel).path("color"), "mode", "thresholds");
        };
    return shown && new TreeSet<>(colors).size() == colors.size() && colors.size() != 1;
  }

  private static Set<String> units() {
    return Set.of(
        "reqps",
        "ops",
        "cps",
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
  }

  private static boolean source(JsonNode node) {
    return is(node.path("datasource"), "uid", "$datasource");
  }

  private static JsonNode defaults(JsonNode panel) {
    return panel.path("fieldConfig").path("defaults");
  }

  private static ObjectNode variable(ObjectNode dashboard, String name) {
    return (ObjectNode)
        dashboard
            .path("templating")
            .path("list")
            .valueStream()
            .filter(one -> is(one, "name", name))
            .findFirst()
            .orElseThrow();
  }

  private static ObjectNode panel(ObjectNode dashboard) {
    return (ObjectNode) dashboard.path("panels").path(0);
  }

  private static ArrayNode links(ObjectNode dashboard) {
    return (ArrayNode) defaults(panel(dashboard)).path("links");
  }

  private static ObjectNode target(ObjectNode dashboard) {
    return (ObjectNode) panel(dashboard).path("targets").path(0);
  }

  private static boolean is(JsonNode node, String field, String value) {
    return node.path(field).asText().equals(value);
  }
}

package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Where a point of a panel leads to: the whole address, as Grafana would open it. */
record DataLink(Dashboard dashboard, JsonNode panel, String url) {
  /** A service's traces of a time, as Zipkin's own page writes it into the address. */
  private static final String TRACES =
      "${traces}/zipkin/?serviceName=switchboard-gateway&endTs=${__to}&lookback=custom"
          + "&startTs=${__from}";

  private static final String ADMIN = "${admin}";
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{([^}]*)}");
  private static final Pattern GROUPING = Pattern.compile("\\bby \\(([^)]*)\\)");
  private static final String LABEL = "__field.labels.";

  /** Of Grafana itself. */
  private static final Set<String> TIMES = Set.of("__from", "__to");

  private static final Set<String> PATHS = paths();

  static List<DataLink> of(Dashboard dashboard, JsonNode panel) {
    return panel
        .at("/fieldConfig/defaults/links")
        .valueStream()
        .map(link -> new DataLink(dashboard, panel, link.path("url").asText()))
        .toList();
  }

  boolean toTraces() {
    return url.equals(TRACES) && variablesExist() && isOrigin("traces");
  }

  /** Whether the admin API answers a GET there. */
  boolean toAdmin() {
    return url.startsWith(ADMIN)
        && PATHS.contains(VARIABLE.matcher(url.substring(ADMIN.length())).replaceAll("{}"))
        && variablesExist()
        && isOrigin("admin");
  }

  private boolean variablesExist() {
    return VARIABLE.matcher(url).results().map(found -> found.group(1)).allMatch(this::exists);
  }

  private boolean exists(String variable) {
    return TIMES.contains(variable)
        || dashboard.variables().stream()
            .anyMatch(one -> one.path("name").asText().equals(variable))
        || (variable.startsWith(LABEL) && everySeriesHas(variable.substring(LABEL.length())));
  }

  private boolean everySeriesHas(String label) {
    return panel
        .path("targets")
        .valueStream()
        .map(target -> target.path("expr").asText())
        .allMatch(
            expression -> {
              List<MatchResult> groupings = GROUPING.matcher(expression).results().toList();
              return !groupings.isEmpty()
                  && groupings.stream()
                      .allMatch(by -> List.of(by.group(1).split(", ")).contains(label));
            });
  }

  /** Paths stand in the links: what a variable says must not have one too. */
  private boolean isOrigin(String variable) {
    return dashboard.variables().stream()
        .filter(one -> one.path("name").asText().equals(variable))
        .flatMap(one -> List.of(one.path("query"), one.at("/current/value")).stream())
        .allMatch(value -> value.asText().matches("https?://[^/]+"));
  }

  /** Of the admin API, what can be looked at; a parameter is {@code {}}. */
  private static Set<String> paths() {
    Path document =
        Dashboards.FOLDER.resolve(
            "../gateway/src/main/resources/dev/switchboard/gateway/admin/openapi.yaml");
    return Dashboards.yaml(document).path("paths").properties().stream()
        .filter(path -> path.getValue().has("get"))
        .map(path -> path.getKey().replaceAll("\\{\\w+}", "{}"))
        .collect(Collectors.toSet());
  }
}

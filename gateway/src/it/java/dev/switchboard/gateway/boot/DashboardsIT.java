package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.dashboards.Dashboards;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import dev.switchboard.gateway.dashboards.Dashboards.Rule;
import dev.switchboard.gateway.dashboards.PrometheusServer;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real Prometheus scrapes a real gateway of two workers of two stages of two ranks under load,
 * one of which is drained: every expression of every panel and rule finds data, and every exemplar
 * its trace.
 */
class DashboardsIT {
  /** Words of expressions that find nothing in this run, and why. */
  private static final Map<String, String> EMPTY =
      Map.of(
          "DCGM_", "there is no GPU here",
          "switchboard_fallbacks_total", "no model stands in for another",
          "switchboard_shadow_decisions_total", "no policy only watches",
          "switchboard_retries_denied_total", "every retry is within its budget",
          "switchboard_hedges_total", "no class is hedged unless it is configured",
          "switchboard_connections_refused_total", "there are few clients",
          "switchboard_worker_restarts_total", "no worker dies",
          "switchboard_rank_blame_", "no rank is slow",
          "switchboard_routing_failures_total", "no policy breaks");

  @TempDir private static @Nullable Path folder;
  private static OtlpReceiver collector;
  private static GatewayProcess gateway;
  private static PrometheusServer prometheus;

  @BeforeAll
  static void run() throws Exception {
    collector = new OtlpReceiver();
    gateway = start();
    prometheus = new PrometheusServer(gateway.adminUri(""));
    try (Load load = Load.start(gateway, 4)) {
      // Some series begin with their first event, which a rate sees only from the second on.
      for (int round = 0; round < 2; round++) {
        load.awaitServed(load.served() + 20);
        leaveEarly();
        gateway.adminPost("/admin/v1/config/reload", "{}");
        List<HttpResponse<InputStream>> streams = List.of(gateway.stream(300), gateway.stream(300));
        drainedWhileItStreams();
        for (HttpResponse<InputStream> stream : streams) {
          stream.body().readAllBytes();
        }
        load.awaitServed(load.served() + 20);
        // A rate sees what rises from one scrape to the next.
        prometheus.awaitScrapes(2);
      }
      load.assertNothingFailed();
    }
    prometheus.settle();
  }

  private static GatewayProcess start() throws Exception {
    Path home = GatewayProcess.home();
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Path model = home.resolve("native-engine/demo-model/switchboard-demo.gguf");
    Files.writeString(
        config,
        "models: [{file: "
            + model
            + "}]\nworkers: {local: 2, stages: 2, ranks: 2, threads: 1, state-poll-ms: 200}\n");
    return GatewayProcess.start(GatewayProcess.underAgent(collector), "--config", config.toString())
        .awaitReady();
  }

  /** A client that goes while tokens are made for it. */
  private static void leaveEarly() throws Exception {
    try (InputStream body = gateway.stream(500).body()) {
      assertTrue(body.read() >= 0);
    }
  }

  private static void drainedWhileItStreams() throws Exception {
    String replica = gateway.firstReady();
    gateway.adminPost("/admin/v1/replicas/" + replica + "/drain", "{\"graceMs\": 0}");
    gateway.awaitState(replica, "DRAINED");
    gateway.resume(replica);
    gateway.awaitState(replica, "READY");
  }

  @AfterAll
  static void stop() throws Exception {
    prometheus.close();
    gateway.close();
    collector.close();
  }

  @Test
  void everyExpressionOfEveryPanelFindsData() throws Exception {
    Map<String, String> empty = new TreeMap<>();
    int found = 0;
    for (Dashboard dashboard : Dashboards.all()) {
      for (JsonNode panel : dashboard.panels()) {
        for (JsonNode target : panel.path("targets")) {
          String expression = target.path("expr").asText();
          if (!prometheus.query(asGrafanaWould(expression)).isEmpty()) {
            found++;
          } else if (!excused(expression)) {
            empty.put(dashboard.title() + ": " + panel.path("title").asText(), expression);
          }
        }
      }
    }

    assertEquals(Map.of(), empty);
    assertTrue(found > 80, "only " + found);
  }

  @Test
  void everyRuleIsEvaluatedAndEveryRecordedSeriesIsThere() throws Exception {
    Set<String> wrong = new TreeSet<>();
    int healthy = 0;
    for (JsonNode rule : prometheus.rules()) {
      if (rule.path("health").asText().equals("ok")) {
        healthy++;
      } else {
        wrong.add(rule.path("name").asText() + ": " + rule.path("lastError").asText());
      }
    }
    for (Rule rule : Dashboards.rules()) {
      if (!rule.alert() && !prometheus.recorded(rule.name())) {
        wrong.add(rule.name() + " is empty");
      }
    }

    assertEquals(Set.of(), wrong);
    assertEquals(Dashboards.rules().size(), healthy);
  }

  /** Nor does a healthy fleet wake anybody. */
  @Test
  void noPageIsSentForAHealthyFleet() throws Exception {
    List<String> firing = new ArrayList<>();
    prometheus
        .query("ALERTS{alertstate=\"firing\",severity=\"page\"}")
        .forEach(alert -> firing.add(alert.path("metric").toString()));

    assertEquals(List.of(), firing);
  }

  @Test
  void everyExemplarLeadsToATraceThatIsKept() throws Exception {
    Set<String> traces = new TreeSet<>();
    for (JsonNode series : prometheus.exemplars("{__name__=~\"switchboard_.+_bucket\"}")) {
      for (JsonNode exemplar : series.path("exemplars")) {
        traces.add(exemplar.path("labels").path("trace_id").asText());
      }
    }

    assertFalse(traces.isEmpty());
    for (String trace : traces) {
      InProcessGateway.await(() -> isKept(trace));
    }
  }

  /** Whether some span of it tells samplers to keep it. */
  private static boolean isKept(String trace) {
    return collector.trace(trace).stream()
        .anyMatch(span -> OtlpReceiver.attribute(span, "switchboard.exemplar").equals("true"));
  }

  @Test
  void latenciesHaveNativeBucketsToo() throws Exception {
    JsonNode quantile =
        prometheus.query("histogram_quantile(0.5, sum(rate(switchboard_ttft_seconds[1m])))");

    assertFalse(quantile.isEmpty());
  }

  private static boolean excused(String expression) {
    return EMPTY.keySet().stream().anyMatch(expression::contains);
  }

  private static String asGrafanaWould(String expression) {
    return expression.replace("$__rate_interval", "1m").replaceAll("\\$\\w+", ".+");
  }
}

package dev.switchboard.gateway.boot;

import static dev.switchboard.gateway.bench.KubernetesObjects.SLICES;
import static dev.switchboard.gateway.bench.KubernetesObjects.endpoint;
import static dev.switchboard.gateway.bench.KubernetesObjects.slice;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.gateway.dashboards.Dashboards;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import dev.switchboard.gateway.dashboards.Dashboards.Rule;
import dev.switchboard.gateway.dashboards.Picture;
import dev.switchboard.gateway.dashboards.PrometheusServer;
import dev.switchboard.gateway.dashboards.Window;
import dev.switchboard.gateway.telemetry.Metric;
import dev.switchboard.gateway.tls.TestCertificate;
import dev.switchboard.testing.Await;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.xml.parsers.DocumentBuilderFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real Prometheus scrapes a real gateway of two workers of two stages of two ranks under load,
 * one of which is drained, after some {@link Mishaps}: every expression of every panel and rule
 * finds data, and every exemplar its trace.
 */
class DashboardsIT {
  /** Words of expressions that find nothing in this run, and why. */
  private static final Map<String, String> EMPTY =
      Map.of("DCGM_", "there is no GPU here", "switchboard_device_", "nor a driver of one");

  /** More of them make a longer run, for pictures that show more. */
  private static final int ROUNDS = Integer.getInteger("switchboard.dashboards.rounds", 2);

  private static final int MOST_PICTURE_BYTES = 200_000;
  private static final Pattern EXEMPLAR =
      Pattern.compile("(?m)^(switchboard_\\w+)_bucket\\{.* # \\{.*trace_id=\"(\\w{32})\"");

  @TempDir private static @Nullable Path folder;
  private static Instant begun;
  private static OtlpReceiver collector;
  private static FakeUpstream frail;
  private static FakeUpstream found;
  private static FakeKubernetes kubernetes;
  private static GatewayProcess gateway;
  private static PrometheusServer prometheus;

  @BeforeAll
  static void run() throws Exception {
    collector = new OtlpReceiver();
    TestCertificate own = TestCertificate.root("gateway", "EC");
    frail = FakeUpstream.secure(own);
    found = new FakeUpstream();
    kubernetes = new FakeKubernetes();
    put("unready");
    gateway = start(own);
    prometheus = new PrometheusServer(gateway.adminUri(""));
    begun = Instant.now();
    Mishaps mishaps = new Mishaps(gateway, frail);
    mishaps.beforeLoad();
    try (Load load = Load.start(gateway, 4)) {
      load.awaitServed(20);
      mishaps.underLoad();
      // Some series begin with their first event, which a rate sees only from the second on.
      for (int round = 0; round < ROUNDS; round++) {
        load.awaitServed(load.served() + 20);
        kubernetesGoesOn(round);
        leaveEarly();
        mishaps.aClientLeaves();
        mishaps.lateStreams();
        gateway.adminPost("/admin/v1/config/reload", "{}");
        List<HttpResponse<InputStream>> streams =
            List.of(gateway.stream(1500), gateway.stream(1500));
        drained(whose(streams.getFirst()));
        for (HttpResponse<InputStream> stream : streams) {
          stream.body().readAllBytes();
        }
        load.awaitServed(load.served() + 20);
        // A rate sees what rises from one scrape to the next.
        prometheus.awaitScrapes(2);
      }
      load.assertNothingFailed();
    }
    Await.until("an exemplar of every latency", DashboardsIT::movedAlone);
    prometheus.settle();
  }

  private static GatewayProcess start(TestCertificate own) throws Exception {
    Path home = GatewayProcess.home();
    Path here = Path.of(String.valueOf(folder));
    Path model = home.resolve("native-engine/demo-model/switchboard-demo.gguf");
    Path certificate = Files.writeString(here.resolve("tls.crt"), own.pem());
    Path key = Files.writeString(here.resolve("tls.key"), own.keyPem());
    Path config =
        Files.writeString(
            here.resolve("switchboard.yaml"),
            Mishaps.configuration(model, frail, kubernetes, certificate, key));
    return GatewayProcess.start(GatewayProcess.underAgent(collector), "--config", config.toString())
        .trusting(own.trusted())
        .awaitReady();
  }

  /** A replica that Kubernetes names, and one beside it in this state, which serves nobody. */
  private static void put(String state) {
    ObjectNode slice = slice("slice-found", "workers", found.url().getPort());
    ObjectNode both = endpoint(slice, "found", "127.0.0.1", "ready");
    kubernetes.put(SLICES, endpoint(both, "late", "127.0.0.1", state));
  }

  /** The pod beside changes its state, and the watches have to begin anew. */
  private static void kubernetesGoesOn(int round) {
    put(round % 2 == 0 ? "draining" : "unready");
    kubernetes.compact(true);
    kubernetes.drop();
  }

  /** A client that goes while tokens are made for it. */
  private static void leaveEarly() throws Exception {
    try (InputStream body = gateway.stream(500).body()) {
      assertTrue(body.read() >= 0);
    }
  }

  /**
   * Moves a stream that has no other request beside it, so that it is among those that are chosen
   * as exemplars; says whether it was.
   */
  private static boolean movedAlone() throws Exception {
    HttpResponse<InputStream> stream = gateway.stream(1500);
    drained(whose(stream));
    stream.body().readAllBytes();
    return withoutExemplar().isEmpty();
  }

  /** The replica that it comes from. */
  private static String whose(HttpResponse<InputStream> stream) {
    return stream.headers().firstValue("X-Switchboard-Replica").orElseThrow();
  }

  private static void drained(String replica) throws Exception {
    gateway.adminPost("/admin/v1/replicas/" + replica + "/drain", "{\"grace_ms\": 0}");
    gateway.awaitState(replica, "DRAINED");
    gateway.resume(replica);
    gateway.awaitState(replica, "READY");
  }

  @AfterAll
  static void stop() throws Exception {
    prometheus.close();
    gateway.close();
    frail.close();
    found.close();
    kubernetes.close();
    collector.close();
  }

  /** An excuse that is no longer needed would hide the next mistake there. */
  @Test
  void everyExpressionOfEveryPanelFindsDataUnlessItIsExcused() throws Exception {
    Map<String, String> wrong = new TreeMap<>();
    Set<String> unneeded = new TreeSet<>(EMPTY.keySet());
    int found = 0;
    for (Dashboard dashboard : Dashboards.all()) {
      for (JsonNode panel : dashboard.panels()) {
        for (JsonNode target : panel.path("targets")) {
          String expression = target.path("expr").asText();
          boolean there = !prometheus.query(asGrafanaWould(expression)).isEmpty();
          found += there ? 1 : 0;
          if (there == excused(expression)) {
            wrong.put(dashboard.title() + ": " + panel.path("title").asText(), expression);
          }
          unneeded.removeIf(expression::contains);
        }
      }
    }

    assertEquals(Map.of(), wrong);
    assertEquals(Set.of(), unneeded);
    assertTrue(found > 90, "only " + found);
  }

  /** Over all that was counted, since a rate does not see what a series begins with. */
  @Test
  void thePhasesOfTheStackAddUpToTheWallTime() throws Exception {
    JsonNode targets =
        Dashboards.all().stream()
            .flatMap(dashboard -> dashboard.panels().stream())
            .filter(panel -> panel.path("title").asText().equals("Phases"))
            .findFirst()
            .orElseThrow()
            .path("targets");

    double stacked = sinceTheStart(targets.path(0));
    double wall = sinceTheStart(targets.path(1));
    double before = sinceTheStart(targets.path(2));

    assertTrue(before > 0);
    assertEquals(wall, stacked, before / 4);
  }

  /** The sum of a target's series, of the counters themselves. */
  private static double sinceTheStart(JsonNode target) throws Exception {
    String expression =
        target.path("expr").asText().replaceAll("rate\\((.*?)\\[\\$__rate_interval]\\)", "$1");
    JsonNode sum = prometheus.query("sum(" + asGrafanaWould(expression) + ")");
    return sum.path(0).path("value").path(1).asDouble();
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

  /** Nor does what a fleet gets over by itself wake anybody. */
  @Test
  void noPageIsSentForAFleetThatServes() throws Exception {
    List<String> firing = new ArrayList<>();
    prometheus
        .query("ALERTS{alertstate=\"firing\",severity=\"page\"}")
        .forEach(alert -> firing.add(alert.path("metric").toString()));

    assertEquals(List.of(), firing);
  }

  @Test
  void everyLatencyHasExemplarsInBothFormats() throws Exception {
    Set<String> stored = new TreeSet<>();
    for (String name : latencies()) {
      // Prometheus asks for protobuf, which alone carries native histograms.
      if (!prometheus.exemplars(name + "_bucket").isEmpty()) {
        stored.add(name);
      }
    }

    assertEquals(Set.of(), withoutExemplar());
    assertEquals(latencies(), stored);
  }

  private static Set<String> latencies() {
    return Arrays.stream(Metric.values())
        .filter(Metric::latency)
        .map(Metric::word)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Latencies of which the gateway has no exemplar for who asks for OpenMetrics. */
  private static Set<String> withoutExemplar() throws Exception {
    Set<String> without = latencies();
    EXEMPLAR.matcher(openMetrics()).results().forEach(found -> without.remove(found.group(1)));
    return without;
  }

  private static String openMetrics() throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(gateway.adminUri("/metrics"))
            .header("Accept", "application/openmetrics-text; version=1.0.0")
            .build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
    }
  }

  @Test
  void everyExemplarLeadsToATraceThatIsKept() throws Exception {
    Set<String> traces = new TreeSet<>();
    for (JsonNode series : prometheus.exemplars("{__name__=~\"switchboard_.+_bucket\"}")) {
      for (JsonNode exemplar : series.path("exemplars")) {
        traces.add(exemplar.path("labels").path("trace_id").asText());
      }
    }
    EXEMPLAR.matcher(openMetrics()).results().forEach(found -> traces.add(found.group(2)));

    assertFalse(traces.isEmpty());
    for (String trace : traces) {
      Await.until(trace, () -> isKept(trace));
    }
  }

  /** Those in {@code dashboards/pictures} are made by this: copy them from {@code target}. */
  @Test
  void everyDashboardIsDrawn() throws Exception {
    Path out = Files.createDirectories(GatewayProcess.home().resolve("gateway/target/pictures"));
    Window window = prometheus.window(Duration.between(begun, Instant.now()).toSeconds());
    for (Dashboard dashboard : Dashboards.all()) {
      Picture picture = Picture.draw(dashboard.json(), prometheus.api(), window, 2);
      Path file = out.resolve(dashboard.file().replace(".json", ".svg"));
      Files.writeString(file, picture.svg());

      DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file.toFile());
      assertTrue(Files.size(file) < MOST_PICTURE_BYTES, file::toString);
      // These drains are shorter than the time between two scrapes.
      assertEquals(
          !dashboard.json().at("/annotations/list").isEmpty(),
          picture.marked().contains("Drains"),
          file::toString);
      for (JsonNode panel : dashboard.panels()) {
        boolean drawn = !picture.empty().contains(panel.path("title").asText());
        assertTrue(drawn || excused(panel), () -> file + ": " + panel.path("title"));
      }
    }
  }

  private static boolean excused(JsonNode panel) {
    return panel
        .path("targets")
        .valueStream()
        .allMatch(target -> excused(target.path("expr").asText()));
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

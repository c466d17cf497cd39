package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.GeneratedPage;
import dev.switchboard.gateway.admission.AdmissionConfig;
import dev.switchboard.gateway.autoscaling.AutoscalingConfig;
import dev.switchboard.gateway.discovery.DiscoveryStatus;
import dev.switchboard.gateway.fleet.DeviceReport;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.gateway.fleet.ReplicaReport.Spread;
import dev.switchboard.gateway.flight.AnswerNames;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Engines;
import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.RequestParameters;
import dev.switchboard.gateway.flight.Usage;
import dev.switchboard.gateway.flight.Waits;
import dev.switchboard.gateway.http.DeadlinesConfig;
import dev.switchboard.gateway.http.MigrationConfig;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.slo.Objective;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.slo.SloCause;
import dev.switchboard.gateway.slo.SloConfig;
import dev.switchboard.gateway.slo.SloHeaders;
import dev.switchboard.openai.ApiError;
import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.RequestTimeline;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.expositionformats.PrometheusProtobufWriter;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class MetricsTest {
  private static final Slo SLO = new Slo("interactive", 300, 50, 0, 0);
  private static final Labels TRACE = Labels.of("trace_id", "a".repeat(32), "span_id", "b");

  private static final FlightRecord.Move MOVE = new FlightRecord.Move("died", 1, 1, 2);

  private final Metrics metrics = new Metrics("m"::equals, "1", true);

  @Test
  void theReferencePageIsMadeFromTheRegistry() throws IOException {
    GeneratedPage.assertCurrent("METRICS.md", MetricsPage.text());
  }

  @Test
  void everyMetricIsRegisteredOnceAndNothingElseIs() {
    metrics.fleet(new FleetGauges(List::of, () -> 0));
    metrics.discovery(new DiscoveryGauges(() -> DiscoveryStatus.NONE, () -> 0));
    metrics.autoscaling(told -> {});
    metrics.edges(told -> {});
    Set<String> registered =
        metrics.registry().scrape().stream()
            .map(snapshot -> snapshot.getMetadata().getPrometheusName())
            .filter(name -> name.startsWith("switchboard_"))
            .collect(Collectors.toCollection(TreeSet::new));

    Set<String> declared =
        Arrays.stream(Metric.values())
            .map(metric -> metric.word().replaceFirst("_(total|info)$", ""))
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(declared, registered);
  }

  @Test
  void namesEndInTheirUnitAndCountersInTotal() {
    for (Metric metric : Metric.values()) {
      String name = metric.word();
      boolean counter = metric.type() == Metric.Type.COUNTER;
      assertEquals(counter, name.endsWith("_total"), name);
      String stem = counter ? name.substring(0, name.length() - "_total".length()) : name;
      switch (metric.unit()) {
        case SECONDS -> assertTrue(stem.endsWith("_seconds"), name);
        case BYTES -> assertTrue(stem.endsWith("_bytes"), name);
        case RATIO -> assertTrue(stem.endsWith("_ratio"), name);
        case CELSIUS -> assertTrue(stem.endsWith("_celsius"), name);
        case WATTS -> assertTrue(stem.endsWith("_watts"), name);
        case HERTZ -> assertTrue(stem.endsWith("_hertz"), name);
        case COUNT ->
            assertFalse(stem.matches(".*_(seconds|bytes|ratio|celsius|watts|hertz)"), name);
      }
      assertEquals(metric.type() == Metric.Type.HISTOGRAM, metric.buckets() != null, name);
    }
  }

  @Test
  void realTimeModelsFallIntoBucketsOfTheirOwn() {
    assertEquals(0.0005, Metric.Buckets.TOKEN.bounds()[0]);
    assertEquals(0.001, Metric.Buckets.TTFT.bounds()[0]);
  }

  /** A quantile ends at the last bound: what is slower could not be told from it. */
  @Test
  void whatTheDefaultsLetARequestWaitIsNotAboveTheLastBucket() {
    DeadlinesConfig deadlines = DeadlinesConfig.DEFAULTS;
    int placeMs = Math.max(AdmissionConfig.DEFAULTS.queueMs(), AutoscalingConfig.DEFAULTS.holdMs());

    assertReaches(placeMs, Metric.QUEUE);
    assertReaches(placeMs + deadlines.firstTokenMs(), Metric.TTFT);
    assertReaches(deadlines.interTokenMs(), Metric.ITL);
    assertReaches(deadlines.answerMs(), Metric.REQUEST);
    assertReaches(
        MigrationConfig.DEFAULTS.waitMs() + deadlines.firstTokenMs(), Metric.MIGRATION_PAUSE);
  }

  private static void assertReaches(int ms, Metric metric) {
    double last = Arrays.stream(bounds(metric)).max().orElse(0);
    assertTrue(last * 1000 >= ms, () -> metric.word() + " ends at " + last + " s of " + ms + " ms");
  }

  /** So classic buckets answer which share of requests keeps a target. */
  @Test
  void everyTargetOfTheDefaultClassesIsABound() {
    for (SloConfig.SloClass one : SloConfig.DEFAULTS.classes()) {
      assertBound(one.ttftMs(), Metric.TTFT);
      assertBound(one.tpotMs(), Metric.TPOT);
    }
  }

  private static void assertBound(double ms, Metric metric) {
    assertTrue(
        ms == 0 || Arrays.stream(bounds(metric)).anyMatch(bound -> bound * 1000 == ms),
        () -> ms + " ms of " + metric.word());
  }

  private static double[] bounds(Metric metric) {
    return Objects.requireNonNull(metric.buckets()).bounds();
  }

  @Test
  void aHundredThousandUnknownModelsAndRefusedPathsMakeNoSeries() {
    Random random = new Random(7);
    everythingHappens("m", "chat");
    everythingHappens("x", "chat");
    long before = series();

    for (int i = 0; i < 100_000; i++) {
      everythingHappens(Long.toHexString(random.nextLong()), "chat");
    }

    assertEquals(before, series());
  }

  private void everythingHappens(String model, String endpoint) {
    metrics.admission(model, "interactive", "admitted");
    metrics.inFlight(model).inc();
    metrics.itl(model, "interactive", Labels.EMPTY).accept(0.001);
    metrics.decided(Decision.of("slo", model, null, List.of()));
    metrics.refused("other", Outcome.NOT_FOUND);
    FlightRecord record = record(model, endpoint, Outcome.OK, 40, 1000);
    metrics.finished(record, PhaseBreakdown.of(record), SLO, Labels.EMPTY, List.of());
  }

  @Test
  void everyLatencyCarriesTheTraceOfItsRequest() throws IOException {
    FlightRecord record = record("m", "chat", Outcome.OK, 40, 1000);
    metrics.finished(record, PhaseBreakdown.of(record), SLO, TRACE, List.of());
    metrics.itl("m", "interactive", TRACE).accept(0.002);
    metrics.moved("m", MoveCause.DIED, 0.02, TRACE);
    metrics.predicted("m", new Prediction(30, 40, 5, 6, 20), 40, 5, 3, TRACE);
    Set<String> expected =
        Arrays.stream(Metric.values())
            .filter(Metric::latency)
            .map(Metric::word)
            .collect(Collectors.toCollection(TreeSet::new));

    assertEquals(expected, withExemplars(openMetrics()));
    assertEquals(expected, withExemplarsInProtobuf());
  }

  private static Set<String> withExemplars(String openMetrics) {
    return openMetrics
        .lines()
        .filter(line -> line.contains("trace_id=\"" + "a".repeat(32)))
        .map(line -> line.replaceFirst("_bucket.*", ""))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private Set<String> withExemplarsInProtobuf() {
    Set<String> found = new TreeSet<>();
    for (MetricSnapshot snapshot : metrics.registry().scrape()) {
      String family = new PrometheusProtobufWriter().toDebugString(new MetricSnapshots(snapshot));
      if (family.contains("a".repeat(32))) {
        assertTrue(family.contains("schema:"), family);
        assertTrue(family.contains("cumulative_count"), family);
        found.add(snapshot.getMetadata().getPrometheusName());
      }
    }
    return found;
  }

  @Test
  void withoutATraceThereIsNoExemplar() throws IOException {
    FlightRecord record = record("m", "chat", Outcome.OK, 40, 1000);
    metrics.finished(record, PhaseBreakdown.of(record), SLO, Labels.EMPTY, List.of());

    assertFalse(openMetrics().contains("# {"));
  }

  @Test
  void latenciesAreToldByModelAndServiceClass() {
    finish(record("m", "chat", Outcome.OK, 40, 1000));
    metrics.itl("m", "interactive", Labels.EMPTY).accept(0.001);

    for (String latency : List.of("request", "ttft", "tpot", "itl", "queue")) {
      String series = "switchboard_" + latency + "_seconds_count{class=\"interactive\",";
      assertTrue(text().lines().anyMatch(line -> line.startsWith(series)), latency);
    }
  }

  @Test
  void objectivesCountWhatTheServiceIsToBlameFor() {
    finish(record("m", "chat", Outcome.OK, 40, 1000));
    finish(record("m", "chat", Outcome.OK, 400, 1000));
    finish(record("m", "chat", Outcome.DEADLINE, -1, 1000));
    finish(record("m", "chat", Outcome.CLIENT_GONE, -1, 1000));
    finish(shed(ApiError.overloaded("full")));
    finish(shed(ApiError.rateLimited("spent")));

    assertEquals(2, kept("availability", "met"));
    assertEquals(2, kept("availability", "missed"));
    assertEquals(1, kept("ttft", "met"));
    assertEquals(2, kept("ttft", "missed"));
  }

  /** Else those who are patient are all that an overload is told by. */
  @Test
  void whoGivesUpBehindTheTargetWasNotServedInTime() {
    finish(record("m", "chat", Outcome.CLIENT_GONE, -1, 1000));
    finish(record("m", "chat", Outcome.CLIENT_GONE, 400, 1000));
    finish(record("m", "chat", Outcome.CLIENT_GONE, 40, 1000));
    finish(record("m", "chat", Outcome.CLIENT_GONE, -1, 200));
    finish(record("m", "chat", Outcome.CANCELLED, -1, 1000));

    assertEquals(1, kept("ttft", "met"));
    assertEquals(2, kept("ttft", "missed"));
    assertEquals(0, kept("availability", "missed"));
    assertEquals(0, count("switchboard_slo_good_requests", Map.of("model", "m")));
    assertEquals(
        0.8,
        count("switchboard_slo_late_seconds", Map.of("model", "m", "objective", "ttft")),
        1e-6);
  }

  @Test
  void tokensOfAnswersThatDidNotEndWellAreWasted() {
    finish(record("m", "chat", Outcome.OK, 40, 1000));
    finish(record("m", "chat", Outcome.CLIENT_GONE, 40, 1000));

    assertEquals(
        20, count("switchboard_wasted_tokens", Map.of("model", "m", "cause", "client_gone")));
  }

  @Test
  void whatWasComputedAgainIsWasted() {
    finish(attempted(attempt(1, "it broke", null), attempt(2, null, MOVE)));
    finish(attempted(attempt(1, null, null)));

    assertEquals(2 * (3 + 4), wasted("preempted"));
  }

  private double wasted(String cause) {
    return count("switchboard_wasted_tokens", Map.of("model", "m", "cause", cause));
  }

  @Test
  void retriesAreAttemptsThatNeitherHedgeNorGoOnWithAStream() {
    finish(attempted(attempt(1, "it broke", null), attempt(2, null, null)));
    finish(attempted(attempt(1, "it broke", null), attempt(2, "this too", null)));
    finish(attempted(attempt(1, "it broke", null), attempt(2, null, MOVE)));
    finish(attempted(new FlightRecord.Attempt(2, "w0", 1, 2, null, true, null)));

    assertEquals(1, count("switchboard_retries", Map.of("model", "m", "result", "served")));
    assertEquals(1, count("switchboard_retries", Map.of("model", "m", "result", "failed")));
  }

  private static FlightRecord.Attempt attempt(
      int number, @Nullable String error, FlightRecord.@Nullable Move move) {
    return new FlightRecord.Attempt(number, "w0", 1, 2, error, false, move);
  }

  /** At a worker that read 30 tokens and generated 9, and computed 3 and 4 of them twice. */
  private static FlightRecord attempted(FlightRecord.Attempt... attempts) {
    Flight flight = new Flight("r", () -> 1);
    flight.model("m");
    RequestTimeline.Phase prefill =
        new RequestTimeline.Phase(
            1, 1, 30, 0, 3, 1, 0, RequestTimeline.Critical.NONE, null, List.of());
    RequestTimeline.Phase decode =
        new RequestTimeline.Phase(
            1, 1, 9, 0, 4, 9, 0, RequestTimeline.Critical.NONE, null, List.of());
    flight.timelines(
        List.of(new RequestTimeline("r", 0, 1, 1, 1, 1, 1, 1, prefill, decode, List.of())),
        EngineStamps.NONE);
    for (FlightRecord.Attempt attempt : attempts) {
      flight.attempt(attempt);
    }
    return flight.finish(Outcome.OK, 200, null);
  }

  /** A rate does not see what a series begins with. */
  @Test
  void errorsAreCountedFromNoneOnWhereRequestsAre() {
    finish(record("m", "chat", Outcome.OK, 40, 1000));
    String series = "switchboard_requests_total{endpoint=\"chat\",model=\"m\",outcome=";

    for (Outcome outcome : Outcome.values()) {
      boolean error = outcome.serverSide() || outcome == Outcome.SHED;
      String none = series + '"' + outcome.label() + "\"} 0.0";
      assertEquals(error, text().contains(none), outcome::label);
    }
  }

  /** Targets of 300 ms and 50 ms. */
  @Test
  void goodputIsWhatMetEveryObjectiveAndTheRestIsSoMuchTooLate() {
    Map<String, String> of = Map.of("model", "m", "class", "interactive");
    finish(record("m", "chat", Outcome.OK, 40, 900));
    double good = count("switchboard_slo_good_requests", of);
    finish(record("m", "chat", Outcome.OK, 350, 900));
    finish(record("m", "chat", Outcome.UNAVAILABLE, -1, 1000));

    assertEquals(1, good);
    assertEquals(1, count("switchboard_slo_good_requests", of));
    assertEquals(0.05, late("ttft"), 1e-9);
    assertEquals(0, late("availability"));
  }

  private double late(String objective) {
    return Arrays.stream(SloCause.values())
        .mapToDouble(
            cause ->
                count(
                    "switchboard_slo_late_seconds",
                    Map.of(
                        "model",
                        "m",
                        "class",
                        "interactive",
                        "objective",
                        objective,
                        "cause",
                        cause.label())))
        .sum();
  }

  @Test
  void totalsOfAReplicaGrowOverItsRestarts() {
    metrics.replicaLoad("w0", report(10, 5));
    metrics.replicaLoad("w0", report(30, 9));
    metrics.replicaGone("w0");
    metrics.replicaLoad("w0", report(4, 2));

    assertEquals(34, count("switchboard_replica_steps", Map.of("replica", "w0")));
    assertEquals(
        0.011,
        count("switchboard_rank_late_seconds", Map.of("replica", "w0", "stage", "1", "rank", "3")),
        1e-9);
  }

  /** A foreign server's page may come late. */
  @Test
  void totalsOfAReplicaGoOnWhereNothingWasKnownMeanwhile() throws IOException {
    metrics.replicaLoad("w0", report(1000, 5));
    metrics.replicaLoad("w0", ReplicaReport.NONE);
    assertFalse(text().contains("switchboard_replica_sequences{"), text());
    metrics.replicaLoad("w0", report(1010, 5));

    assertEquals(1010, count("switchboard_replica_steps", Map.of("replica", "w0")));
    assertTrue(text().contains("switchboard_replica_sequences{"), text());
  }

  /** As of a server whose engine a reload names, which may have served for weeks. */
  @Test
  void totalsOfAReplicaThatSaidNothingGrowByWhatItDoesFromItsFirstReportOn() {
    metrics.replicaLoad("w0", ReplicaReport.NONE);
    assertEquals(0, count("switchboard_replica_steps", Map.of("replica", "w0")));

    metrics.replicaLoad("w0", report(1000, 5));
    assertEquals(0, count("switchboard_replica_steps", Map.of("replica", "w0")));

    metrics.replicaLoad("w0", report(1010, 5));
    assertEquals(10, count("switchboard_replica_steps", Map.of("replica", "w0")));
  }

  @Test
  void objectivesOfEachClassBeginAtZeroWithTheFirstReplica() throws IOException {
    Map<String, SloHeaders.Goal> goals = new HashMap<>();
    goals.put("interactive", new SloHeaders.Goal(0.99, 60, SLO.objectives()));
    metrics.targets(() -> goals);
    metrics.replicaState("w0", "m", null, "STARTING");

    assertEquals(
        Set.of("interactive availability", "interactive ttft", "interactive tpot"), missedAtZero());

    goals.put("bulk", new SloHeaders.Goal(0.9, 60, Set.of(Objective.AVAILABILITY)));
    text();
    assertTrue(missedAtZero().contains("bulk availability"));
    metrics.modelForgotten("m");
    assertEquals(Set.of(), missedAtZero());
  }

  private Set<String> missedAtZero() throws IOException {
    Pattern series =
        Pattern.compile(
            "switchboard_slo_requests_total\\{class=\"(.*)\",model=\"m\",objective=\"(.*)\","
                + "result=\"missed\"} 0\\.0");
    return series
        .matcher(text())
        .results()
        .map(found -> found.group(1) + " " + found.group(2))
        .collect(Collectors.toSet());
  }

  @Test
  void predictionsAreHeldAgainstWhatWasMeasured() {
    metrics.predicted("m", new Prediction(30, 45, 8, 9, 20), 40, 10, 0, Labels.EMPTY);
    metrics.predicted("m", new Prediction(30, 45, 8, 9, 20), 60, Double.NaN, 0, Labels.EMPTY);

    assertEquals(1, within("ttft", true));
    assertEquals(1, within("ttft", false));
    assertEquals(0, within("tpot", true));
    assertEquals(1, within("tpot", false));
    // A quarter of 40 and half of 60; a fifth of 10.
    assertEquals(0.75, error("sum", "ttft"), 1e-9);
    assertEquals(2, error("count", "ttft"));
    assertEquals(0.2, error("sum", "tpot"), 1e-9);
    assertEquals(1, error("count", "tpot"));
  }

  private double within(String kind, boolean within) {
    Map<String, String> labels = Map.of("model", "m", "kind", kind, "within", "" + within);
    return count("switchboard_predictions", labels);
  }

  private double error(String part, String kind) {
    String series =
        "switchboard_prediction_error_ratio_" + part + "{kind=\"" + kind + "\",model=\"m\"} ";
    return text()
        .lines()
        .filter(line -> line.startsWith(series))
        .mapToDouble(line -> Double.parseDouble(line.substring(series.length())))
        .sum();
  }

  private static DeviceReport device(double celsius, long uncorrected, String... throttles) {
    return new DeviceReport(
        1,
        0.75,
        Double.NaN,
        2e9,
        1e9,
        celsius,
        412.5,
        700,
        1755,
        Set.of(throttles),
        -1,
        uncorrected,
        true);
  }

  private static ReplicaReport with(DeviceReport... devices) {
    ReplicaReport bare = report(10, 5);
    return new ReplicaReport(
        bare.atNanos(),
        bare.running(),
        bare.waiting(),
        bare.waitingTokens(),
        bare.kvBlocksFree(),
        bare.kvBlocksCached(),
        bare.kvBlocksUsed(),
        bare.kvEvictions(),
        bare.prefixLookupTokens(),
        bare.prefixHitTokens(),
        bare.promptTokens(),
        bare.generatedTokens(),
        bare.preemptions(),
        bare.steps(),
        bare.weightBytes(),
        bare.kvBytes(),
        bare.scratchBytes(),
        bare.stages(),
        bare.ranks(),
        bare.loadMs(),
        bare.attemptsDigest(),
        bare.rankReports(),
        bare.spreads(),
        bare.kvUsedRatio(),
        bare.kvBlockTokens(),
        List.of(devices),
        "",
        "");
  }

  @Test
  void aDeviceIsToldAsItsDriverTellsIt() {
    metrics.replicaLoad("w0", with(device(61, 7, "thermal")));

    for (String series :
        List.of(
            "utilisation_ratio{device=\"1\",replica=\"w0\"} 0.75",
            "memory_bytes{device=\"1\",kind=\"used\",replica=\"w0\"} 1.0E9",
            "temperature_celsius{device=\"1\",replica=\"w0\"} 61.0",
            "power_watts{device=\"1\",kind=\"limit\",replica=\"w0\"} 700.0",
            "clock_hertz{device=\"1\",replica=\"w0\"} 1.755E9",
            "throttled{device=\"1\",kind=\"thermal\",replica=\"w0\"} 1.0",
            "throttled{device=\"1\",kind=\"power_cap\",replica=\"w0\"} 0.0",
            "row_remap_pending{device=\"1\",replica=\"w0\"} 1.0",
            "ecc_errors_total{device=\"1\",kind=\"uncorrected\",replica=\"w0\"} 0.0")) {
      assertTrue(text().contains("switchboard_device_" + series + "\n"), series);
    }
    assertFalse(text().contains("switchboard_device_memory_utilisation_ratio{"), this::text);
    assertFalse(text().contains("kind=\"corrected\""), this::text);
  }

  @Test
  void errorsOfADeviceAreThoseSinceItIsWatched() {
    metrics.replicaLoad("w0", with(device(61, 7)));
    metrics.replicaLoad("w0", with(device(61, 9)));
    metrics.replicaLoad("w0", with(device(61, 1)));

    Map<String, String> labels = Map.of("replica", "w0", "device", "1", "kind", "uncorrected");
    assertEquals(3, count("switchboard_device_ecc_errors", labels));
  }

  @Test
  void whatADeviceNoLongerTellsIsGone() {
    metrics.replicaLoad("w0", with(device(61, 0)));
    metrics.replicaLoad("w0", with(device(Double.NaN, 0)));
    assertFalse(text().contains("switchboard_device_temperature_celsius{"), this::text);
    assertTrue(text().contains("switchboard_device_utilisation_ratio{"), this::text);

    metrics.replicaLoad("w0", report(10, 5));
    assertFalse(text().contains("switchboard_device_utilisation_ratio{"), this::text);

    metrics.replicaLoad("w0", with(device(61, 0)));
    metrics.replicaGone("w0");
    assertFalse(text().contains("switchboard_device_power_watts{"), this::text);
    assertFalse(text().contains("switchboard_device_throttled{"), this::text);
  }

  @Test
  void aReplicaThatIsGoneHasNoHeartbeat() {
    metrics.replicaLoad("w0", report(10, 5));
    metrics.replicaGone("w0");

    assertFalse(text().contains("switchboard_rank_heartbeat_age_seconds{"), this::text);
    assertFalse(text().contains("switchboard_replica_kv_blocks{"), this::text);
  }

  @Test
  void spreadsAreCountedAsTheWorkerCountsThem() {
    metrics.replicaLoad("w0", report(10, 5));
    String labels = "{kind=\"attention\",replica=\"w0\",stage=\"1\"";
    String series = "switchboard_collective_spread_seconds";
    double[] bounds = Collective.spreadBounds();

    assertTrue(text().contains(series + "_bucket" + labels + ",le=\"5.0E-6\"} 0"), this::text);
    assertTrue(
        text().contains(series + "_bucket" + labels + ",le=\"" + bounds[2] + "\"} 10"), this::text);
    assertTrue(text().contains(series + "_bucket" + labels + ",le=\"+Inf\"} 11"), this::text);
    assertTrue(text().contains(series + "_sum" + labels + "} 0.0025"), this::text);

    metrics.replicaGone("w0");
    assertFalse(text().contains(series + "_count{"), this::text);
  }

  /** One is above all bounds. */
  private static List<Long> counts(long third) {
    List<Long> counts =
        new ArrayList<>(Collections.nCopies(Collective.spreadBounds().length + 1, 0L));
    counts.set(2, third);
    counts.set(counts.size() - 1, 1L);
    return counts;
  }

  private static ReplicaReport report(long steps, double lateMs) {
    RankReport rank =
        new RankReport(1, 3, 7, 0, 1.25, true, lateMs, 0, steps, 1, 1, 1, 1, 1, 1, 1, 100);
    return new ReplicaReport(
        1,
        1,
        2,
        3,
        4,
        5,
        6,
        0,
        0,
        0,
        0,
        0,
        0,
        steps,
        1,
        2,
        3,
        2,
        4,
        1500,
        null,
        List.of(rank),
        List.of(new Spread(1, Collective.Kind.ATTENTION, 2.5, counts(steps))),
        0.25,
        32,
        List.of(),
        "",
        "");
  }

  private void finish(FlightRecord record) {
    metrics.finished(record, PhaseBreakdown.of(record), SLO, Labels.EMPTY, List.of());
  }

  private double kept(String objective, String result) {
    return count(
        "switchboard_slo_requests",
        Map.of("class", "interactive", "model", "m", "objective", objective, "result", result));
  }

  private double count(String name, Map<String, String> labels) {
    double sum = 0;
    for (MetricSnapshot snapshot : metrics.registry().scrape()) {
      if (snapshot instanceof CounterSnapshot counter
          && snapshot.getMetadata().getPrometheusName().equals(name)) {
        sum +=
            counter.getDataPoints().stream()
                .filter(
                    point ->
                        labels.entrySet().stream()
                            .allMatch(
                                want ->
                                    want.getValue().equals(point.getLabels().get(want.getKey()))))
                .mapToDouble(CounterSnapshot.CounterDataPointSnapshot::getValue)
                .sum();
      }
    }
    return sum;
  }

  private static FlightRecord shed(ApiError error) {
    return record("m", "chat", Outcome.SHED, -1, 1000, Failure.of(error));
  }

  private static FlightRecord record(
      String model, String endpoint, Outcome outcome, int ttftMs, int wallMs) {
    return record(model, endpoint, outcome, ttftMs, wallMs, null);
  }

  private static FlightRecord record(
      String model,
      String endpoint,
      Outcome outcome,
      int ttftMs,
      int wallMs,
      @Nullable Failure failure) {
    long start = 1_000_000_000L;
    long end = start + wallMs * 1_000_000L;
    long first = ttftMs < 0 ? 0 : start + ttftMs * 1_000_000L;
    // Accepted to answered, then the first token, the upstream's end and the end.
    long[] marks = {start, start, start, start, start, start, start, first, end, end, end};
    return new FlightRecord(
        "r",
        endpoint,
        model,
        "default",
        new Slo("interactive", 0, 0, 0, 0),
        true,
        outcome,
        200,
        failure,
        "a".repeat(32),
        marks,
        Decision.of("slo", model, "u0", List.of()),
        List.of(),
        RequestParameters.NONE,
        new Usage(5, 2, 20),
        "stop",
        AnswerNames.NONE,
        20,
        0,
        List.of(),
        Waits.NONE,
        Engines.NONE);
  }

  private long series() {
    return text().lines().filter(line -> line.startsWith("switchboard_")).count();
  }

  private String text() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      PrometheusTextFormatWriter.builder().build().write(out, metrics.registry().scrape());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  private String openMetrics() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    OpenMetricsTextFormatWriter.builder().build().write(out, metrics.registry().scrape());
    return out.toString(StandardCharsets.UTF_8);
  }
}

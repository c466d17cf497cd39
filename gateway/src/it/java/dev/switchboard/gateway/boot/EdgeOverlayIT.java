package dev.switchboard.gateway.boot;

import static dev.switchboard.gateway.bench.KubernetesObjects.SLICES;
import static dev.switchboard.gateway.bench.KubernetesObjects.endpoint;
import static dev.switchboard.gateway.bench.KubernetesObjects.slice;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.gateway.boot.FlakyLink.Weather;
import dev.switchboard.gateway.manifests.Rendered;
import dev.switchboard.testing.Await;
import io.opentelemetry.proto.trace.v1.Span;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A gateway with the file of the overlay {@code edge}, in which only addresses are others: a worker
 * of the site is found as a pod, and the region is behind a link that delays, breaks and flaps.
 */
class EdgeOverlayIT {
  private static final Pattern MOUNTED = Pattern.compile("/run/switchboard/([a-z]+)/([a-z]+)");
  private static final Pattern FALLBACK = Pattern.compile("(.+)->(.+) ([a-z_]+)");
  private static final String LOCAL = "qwen3-0.6b";
  private static final String REGION = "region-large";
  private static final String CALLER = "00f067aa0ba902b7";
  private static final String EDGE = "switchboard_edge_local{edge=\"assistant\"}";

  private static final int REQUESTS = 30;

  /**
   * An answer, with what the spans of the same request say.
   *
   * @param model that answered
   * @param fallback empty where the region did
   */
  private record Answer(String model, String fallback, Set<String> spans) {}

  @TempDir private Path folder;
  private FakeKubernetes kubernetes;
  private FakeUpstream region;
  private FlakyLink link;
  private LoneWorker worker;
  private OtlpReceiver collector;
  private GatewayProcess gateway;
  private int asked;
  private int answered;

  @BeforeEach
  void start() throws Exception {
    region = new FakeUpstream();
    region.models(REGION);
    region.script(
        (request, body) ->
            FakeUpstream.events(request).end(FakeUpstream.content("far") + FakeUpstream.done()));
    link = new FlakyLink(region.url(), Await.LIMIT_MS);
    kubernetes = new FakeKubernetes();
    collector = new OtlpReceiver();
    Path config = Files.writeString(folder.resolve("switchboard.yaml"), file());
    worker =
        new LoneWorker(
            GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf"),
            "--model-name",
            LOCAL,
            "--secret-file",
            folder.resolve("keys/fleet").toString());
    kubernetes.put(
        SLICES,
        endpoint(
            slice("slice", "qwen3-0-6b-worker", URI.create(worker.url()).getPort()),
            "p",
            "127.0.0.1",
            "ready"));
    gateway =
        GatewayProcess.startLogging(
                folder.resolve("log"),
                GatewayProcess.underAgent(collector),
                "--config",
                config.toString())
            .awaitReady();
  }

  @AfterEach
  void stop() throws Exception {
    gateway.close();
    worker.close();
    link.close();
    region.close();
    kubernetes.close();
    collector.close();
  }

  /**
   * The overlay's, with other addresses and folders; ports are the arguments' of the process. No
   * span is held back for its cost, since the test asks for each.
   */
  private String file() throws Exception {
    String text = Rendered.of("edge").configuration();
    for (MatchResult each : MOUNTED.matcher(text).results().toList()) {
      Path file = folder.resolve(each.group(1)).resolve(each.group(2));
      Files.createDirectories(file.getParent());
      Files.writeString(file, key(each.group(2)));
    }
    String here =
        text.replace("/run/switchboard", folder.toString())
            .replace("https://api.region.example.com", link.url().toString())
            .replace(
                "  kubernetes:\n",
                "  kubernetes:\n    api-server: \""
                    + kubernetes.url()
                    + "\"\n    namespace: default\n");
    assertTrue(here.contains(link.url().toString()) && here.contains("api-server"), here);
    return here + "telemetry: {governor: {cpu-percent: 0}}\n";
  }

  private static String key(String name) {
    return "sb-of-the-test-" + name;
  }

  @Test
  void theSiteAnswersWhereTheRegionIsLateGoneOrFlaps() throws Exception {
    awaitReplicas();
    Answer well = ask();
    assertEquals(new Answer(REGION, "", Set.of("")), well);
    assertEquals(0, metric(EDGE));

    link.is(Weather.DELAYS);
    Answer late = ask();
    assertEquals(new Answer(LOCAL, REGION + "->" + LOCAL + " late", Set.of("late")), late);
    awaitLocal(1);
    link.is(Weather.WELL);
    awaitLocal(0);
    assertEquals(REGION, ask().model());

    link.is(Weather.BREAKS);
    awaitLocal(1);
    Answer gone = ask();
    assertEquals(LOCAL, gone.model());
    assertEquals(1, gone.spans().size(), gone::toString);
    assertTrue(gone.fallback().endsWith(" unreachable"), gone::toString);
    for (int i = 0; i < REQUESTS; i++) {
      assertEquals(LOCAL, ask().model());
    }

    // A line in ten seconds; each request and probe that fails would make one.
    long lines = denials();
    assertTrue(lines <= REQUESTS / 3, () -> lines + " lines fill the log");

    double before = switches();
    for (int i = 0; i < 6; i++) {
      link.is(i % 2 == 0 ? Weather.WELL : Weather.BREAKS);
      for (int j = 0; j < 3; j++) {
        ask();
      }
    }
    assertTrue(switches() - before <= 2, () -> "switches " + before);
    assertTrue(
        metric("switchboard_edge_switches_total{edge=\"assistant\",kind=\"returned\"}") >= 1);
  }

  private void awaitReplicas() {
    Await.until(
        "both replicas",
        () -> admin("/admin/v1/replicas").path("replicas").findValuesAsText("state"),
        List.of("READY", "READY")::equals);
  }

  private JsonNode admin(String path) throws Exception {
    return InProcessGateway.JSON.readTree(read(path));
  }

  private String read(String path) throws Exception {
    return gateway.admin("GET", path, "", "Authorization", "Bearer " + key("viewer")).body();
  }

  private double metric(String series) throws Exception {
    return read("/metrics")
        .lines()
        .filter(line -> line.startsWith(series + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(series.length() + 1)))
        .findFirst()
        .orElse(0);
  }

  private long denials() throws Exception {
    try (var lines = Files.lines(folder.resolve("log"))) {
      return lines.filter(line -> line.contains("ejection_denied")).count();
    }
  }

  private double switches() throws Exception {
    double sum = 0;
    for (String kind : List.of("late", "unreachable", "returned", "budget")) {
      sum += metric("switchboard_edge_switches_total{edge=\"assistant\",kind=\"" + kind + "\"}");
    }
    return sum;
  }

  /** Asks until the site serves, or the region again; every request is answered meanwhile. */
  private void awaitLocal(int wanted) {
    Await.until(
        EDGE,
        () -> {
          ask();
          return metric(EDGE);
        },
        local -> local == wanted);
    assertEquals(asked, answered);
  }

  /** From one of both, and the header, the metric and the spans say the same of it. */
  private Answer ask() throws Exception {
    String trace = "9cf92f3577b34da6a3ce929d%08x".formatted(++asked);
    HttpResponse<String> answer =
        gateway.post(
            gateway.api(InProcessGateway.CHAT),
            "{\"model\":\"assistant\",\"stream\":true,\"max_tokens\":4,"
                + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
            "Authorization",
            "Bearer " + key("app"),
            "traceparent",
            "00-" + trace + "-" + CALLER + "-01");
    assertEquals(200, answer.statusCode(), answer::body);
    assertTrue(answer.body().contains("[DONE]"), answer::body);
    String fallback = answer.headers().firstValue("X-Switchboard-Fallback").orElse("");
    String model = answer.headers().firstValue("X-Switchboard-Model").orElse("");
    Set<String> spans = spans(trace);
    assertEquals(Set.of(fallback.replaceFirst(".* ", "")), spans, fallback);
    assertEquals(model.equals(LOCAL), !fallback.isEmpty(), fallback);
    if (!fallback.isEmpty()) {
      Matcher told = FALLBACK.matcher(fallback);
      assertTrue(told.matches(), fallback);
      String series =
          "switchboard_fallbacks_total{from=\"%s\",reason=\"%s\",to=\"%s\"}"
              .formatted(told.group(1), told.group(3), told.group(2));
      assertTrue(metric(series) >= 1, fallback);
    }
    answered++;
    return new Answer(model, fallback, spans);
  }

  private Set<String> spans(String trace) {
    Await.until(
        "the spans of " + trace,
        () ->
            !collector.servers(trace).isEmpty()
                && !collector.named("switchboard.route", trace).isEmpty());
    Set<String> reasons = new TreeSet<>();
    for (Span span : collector.servers(trace)) {
      reasons.add(OtlpReceiver.attribute(span, "switchboard.fallback_reason"));
    }
    for (Span span : collector.named("switchboard.route", trace)) {
      reasons.add(OtlpReceiver.attribute(span, "switchboard.fallback_reason"));
    }
    return reasons;
  }
}

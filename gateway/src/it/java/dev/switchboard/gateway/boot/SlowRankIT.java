package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A rank of a real worker that is a fifth slower than its neighbour, as whoever is on call sees it:
 * named within seconds by metrics, admin API and spans, with whom it harmed.
 */
class SlowRankIT {
  private static final String RANK =
      "{model=\"switchboard-demo\",rank=\"1\",replica=\"w0\",stage=\"0\"}";
  private static final String TRACE = "8cf92f3577b34da6a3ce929d0e0e4738";

  /** From the injection to the name, by the gateway's clock. */
  private static final long LIMIT_MS = 5000;

  /** What the gateway may be behind with telling so. */
  private static final long LOOK_MS = 1000;

  private static final long UNNAMED = -1;
  private static final int MOST_TURNS = 5;

  private static final double A_FIFTH_SLOWER = 1.2;

  /** So that neighbours on this machine, which hold up either rank, make no difference. */
  private static final double MUCH_SLOWER = 6;

  @TempDir private static @Nullable Path folder;
  private static OtlpReceiver collector;
  private static GatewayProcess gateway;

  @BeforeAll
  static void start() throws Exception {
    collector = new OtlpReceiver();
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    GatewayProcess.writeConfig(
        config,
        """
        workers: {local: 1, ranks: 2, threads: 1, state-poll-ms: 200}
        drills: {enabled: true, max-ms: 120000}
        """);
    gateway =
        GatewayProcess.start(GatewayProcess.underAgent(collector), "--config", config.toString())
            .awaitReady();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    collector.close();
  }

  @Test
  @Tag("timing")
  void aRankThatIsAFifthSlowerIsNamedWithinFiveSeconds() throws Exception {
    try (Busy _ = new Busy()) {
      mend(namedInTime());
    }
  }

  @Test
  void aSlowRankIsNamedAndBlamedForWhomItHarms() throws Exception {
    String drill;
    try (Busy _ = new Busy()) {
      drill = slow(MUCH_SLOWER);
      Await.until("its name", SlowRankIT::straggling, told -> named(told, "1"));
      assertFalse(named(straggling(), "0"), straggling());
      harmed();
    }

    // A request is charged when its last byte is out.
    Await.until(
        "blame",
        () -> gateway.admin("/admin/v1/replicas/w0").path("blame"),
        blame -> !blame.isEmpty());
    JsonNode noticed = gateway.admin("/admin/v1/drills").at("/drills/0/noticed");
    assertTrue(noticed.path("requests").asInt() >= 1, noticed::toString);
    assertTrue(noticed.path("missed").asInt() >= 1, noticed::toString);
    assertEquals(0, noticed.path("broken").asInt(-1), noticed::toString);
    JsonNode replica = gateway.admin("/admin/v1/replicas/w0");
    JsonNode blame = replica.path("blame").path(0);
    assertEquals(1, replica.path("blame").size(), replica::toString);
    assertEquals(0, blame.path("stage").asInt(-1));
    assertEquals(1, blame.path("rank").asInt(-1));
    assertTrue(blame.path("requests").asInt() >= 1, blame::toString);
    assertTrue(blame.path("slo_minutes").asDouble() > 0, blame::toString);
    String metrics = gateway.metrics();
    assertTrue(metrics.contains("switchboard_rank_blame_requests_total" + RANK), metrics);
    assertTrue(metrics.contains("switchboard_rank_blame_slo_seconds_total" + RANK), metrics);
    assertTrue(
        new MetricsText(metrics).sum("switchboard_collective_spread_seconds_count", "stage=\"0\"")
            > 0,
        metrics);
    theSpanOfItsLaneSaysSo();
    assertEquals(List.of(TRACE), traces("waited_for=0.1&trace_id=" + TRACE));
    assertEquals(List.of(), traces("waited_for=0.0"));
    assertEquals(List.of(), traces("waited_for=1.1"));
    mend(drill);
  }

  private static List<String> traces(String query) throws Exception {
    return gateway.admin("/admin/v1/requests?" + query).findValuesAsText("trace_id");
  }

  /** Streams one after another, so that the worker computes all the time. */
  private static final class Busy implements AutoCloseable {
    private volatile boolean over;
    private final CompletableFuture<Void> streams = CompletableFuture.runAsync(this::stream);

    private void stream() {
      while (!over) {
        try (InputStream body = gateway.stream(500).body()) {
          body.transferTo(OutputStream.nullOutputStream());
        } catch (Exception e) {
          throw new AssertionError(e);
        }
      }
    }

    @Override
    public void close() {
      over = true;
      streams.join();
    }
  }

  /**
   * Slows the rank, and again only where a neighbour on this machine held up the other rank as
   * well, so that nobody could tell: each time the gateway says how soon it was named.
   */
  private static String namedInTime() throws Exception {
    for (int turn = 1; ; turn++) {
      String before = gateway.metrics();
      assertFalse(named(before, "1"));
      String drill = slow(A_FIFTH_SLOWER);
      Stopwatch slowed = Stopwatch.start();
      long namedMs =
          Await.until(
              "its name, or that it comes too late",
              () -> namedAfterMs(drill),
              ms -> ms != UNNAMED || slowed.millis() > LIMIT_MS + LOOK_MS);
      if (namedMs != UNNAMED && namedMs <= LIMIT_MS) {
        return drill;
      }
      String after = gateway.metrics();
      boolean clear =
          late(after, "1") - late(before, "1") > 2 * (late(after, "0") - late(before, "0"));
      String said = "named after " + namedMs + " ms, " + straggling();
      assertFalse(clear || turn == MOST_TURNS, said);
      mend(drill);
    }
  }

  private static void mend(String drill) throws Exception {
    gateway.adminSend("DELETE", "/admin/v1/drills/" + drill, "");
    try (Busy _ = new Busy()) {
      Await.until("no name", SlowRankIT::straggling, told -> !named(told, "1"));
    }
  }

  private static long namedAfterMs(String drill) throws Exception {
    for (JsonNode each : gateway.admin("/admin/v1/drills").path("drills")) {
      if (each.path("id").asText().equals(drill)) {
        return each.path("named_after_ms").asLong(UNNAMED);
      }
    }
    throw new AssertionError("no " + drill);
  }

  /** As a drill, so that it is also known when the rank was named. */
  private static String slow(double factor) throws Exception {
    JsonNode drill =
        gateway.adminPost(
            "/admin/v1/replicas/w0/drill",
            "{\"kind\":\"slow-rank\",\"duration_ms\":120000,\"stage\":0,\"rank\":1,"
                + "\"factor\":"
                + factor
                + "}");
    assertEquals("running", drill.path("phase").asText(), drill::toString);
    return drill.path("id").asText();
  }

  /** A request that misses its objective while the rank is named. */
  private static void harmed() throws Exception {
    HttpResponse<String> answer =
        gateway.post(
            gateway.api("/v1/chat/completions"),
            "{\"model\":\"switchboard-demo\",\"stream\":true,\"max_tokens\":64,"
                + "\"ignore_eos\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
            "X-SLO-TTFT-Ms",
            "1",
            "traceparent",
            "00-" + TRACE + "-00f067aa0ba902b7-01");
    assertEquals(200, answer.statusCode(), answer.body());
  }

  private static void theSpanOfItsLaneSaysSo() throws Exception {
    Await.until("its lane", () -> !collector.named("stage 0 › rank 1", TRACE).isEmpty());
    for (Span lane : collector.named("stage 0 › rank 1", TRACE)) {
      assertEquals("true", OtlpReceiver.attribute(lane, "switchboard.straggler"));
    }
    assertTrue(
        collector.named("stage 0 › rank 1", TRACE).stream()
            .map(lane -> OtlpReceiver.attribute(lane, "switchboard.latest_at"))
            .anyMatch(at -> at.matches("(attention|feed_forward) of layer \\d+|output|start")));
    for (Span lane : collector.named("stage 0 › rank 0", TRACE)) {
      assertEquals("", OtlpReceiver.attribute(lane, "switchboard.straggler"));
    }
    Span admit = collector.named("switchboard.admit", TRACE).getFirst();
    assertEquals("[w0 stage 0 rank 1]", OtlpReceiver.attribute(admit, "switchboard.waited_for"));
    double ms = Double.parseDouble(OtlpReceiver.attribute(admit, "switchboard.slo_missed_ms"));
    assertTrue(ms > 0, admit::toString);
  }

  private static double late(String metrics, String rank) {
    return new MetricsText(metrics)
        .sum("switchboard_rank_late_seconds_total", "rank=\"" + rank + "\"");
  }

  private static boolean named(String metrics, String rank) {
    return metrics.contains(
        "switchboard_rank_straggler{rank=\"" + rank + "\",replica=\"w0\",stage=\"0\"} 1.0");
  }

  private static String straggling() throws Exception {
    return gateway
        .metrics()
        .lines()
        .filter(line -> line.startsWith("switchboard_rank_"))
        .toList()
        .toString();
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.store.PostgresServer;
import dev.switchboard.testing.Await;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The store's history of service levels is what the metrics say, whoever served. */
class SloHistoryIT {
  private static final String HISTORY = "/admin/v1/slo?buckets=true&limit=1000";
  private static final String TOLD =
      "data:"
          + " {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";

  private static final Duration HOUR = Duration.ofHours(1);
  private static final long SLOT_MS = Duration.ofMinutes(5).toMillis();
  private static final Map<String, Duration> WINDOWS =
      Map.of(
          "1h",
          HOUR,
          "6h",
          Duration.ofHours(6),
          "1d",
          Duration.ofDays(1),
          "3d",
          Duration.ofDays(3),
          "30d",
          Duration.ofDays(30));

  /** Requests of a round. */
  private static final int ROUND = 11;

  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) -> {
          if (body.toString().contains("\"fails\"")) {
            request.response().setStatusCode(500).end();
          } else {
            request.response().putHeader("Content-Type", "text/event-stream").setChunked(true);
            // Later than the target of a millisecond that some have, however fast the gateway is.
            upstream.vertx().setTimer(3, soon -> request.response().write(TOLD));
            upstream
                .vertx()
                .setTimer(8, later -> request.response().end(TOLD + TOLD + "data: [DONE]\n\n"));
          }
        });
  }

  @AfterEach
  void stop() throws Exception {
    upstream.close();
  }

  /** Some of each class; of each some are late, some fail and some are no requests at all. */
  private static void use(InProcessGateway gateway, int rounds) throws Exception {
    for (int i = 0; i < rounds; i++) {
      for (String name : List.of("interactive", "standard", "batch")) {
        ask(gateway, "x", "X-SLO-Class", name);
        ask(gateway, "x", "X-SLO-Class", name, "X-SLO-TTFT-Ms", "1", "X-SLO-TPOT-Ms", "0.001");
        ask(gateway, "x", "X-SLO-Class", name, "X-SLO-Deadline-Ms", "20000");
      }
      ask(gateway, "fails");
      ask(gateway, "x", "X-SLO-Class", "nothing");
    }
  }

  private static void ask(InProcessGateway gateway, String what, String... headers)
      throws Exception {
    String body = InProcessGateway.chat(true).replace("\"x\"", "\"" + what + "\"");
    gateway.post(InProcessGateway.CHAT, body, headers);
  }

  /**
   * Of so many rounds; a request is counted when its answer has ended, which its client knows
   * before.
   */
  private static SloLedger metrics(InProcessGateway gateway, int rounds) {
    return Await.until(
        "requests that are counted",
        () -> scraped(gateway),
        ledger -> ledger.requests() == ROUND * (long) rounds);
  }

  private static SloLedger scraped(InProcessGateway gateway) throws Exception {
    return SloLedger.metrics(gateway.get(gateway.admin("/metrics")).body());
  }

  private static SloLedger history(InProcessGateway gateway) throws Exception {
    return SloLedger.history(gateway.adminJson(HISTORY));
  }

  @Test
  void theHistoryOfAFileIsTheMetricsOverARestartAndATakeOver(@TempDir Path folder)
      throws Exception {
    String store = "store: {url: \"jdbc:h2:file:" + folder.resolve("gateway") + "\"}";
    SloLedger counted;
    try (InProcessGateway first = InProcessGateway.before(store, upstream)) {
      use(first, 3);
      counted = metrics(first, 3);

      assertEquals(counted, history(first));
    }
    InProcessGateway third;
    try (InProcessGateway second = InProcessGateway.before(store, upstream)) {
      assertEquals(counted, history(second));
      use(second, 2);
      third = InProcessGateway.before(store, upstream);
      use(third, 2);
      use(second, 1);
      counted = counted.plus(metrics(second, 3));
    }
    try (third) {
      counted = counted.plus(metrics(third, 2));

      assertEquals(counted, history(third));
    }
    assertEquals(3 * 8, counted.count("m interactive wall all"));
    assertTrue(counted.count("m batch ttft for other") > 0, counted::toString);
    assertEquals(8, counted.count("m standard availability for failure"));
  }

  @Test
  void theHistoryOfTwoGatewaysOnOneDatabaseIsBothTheirMetrics() throws Exception {
    try (PostgresServer server = new PostgresServer()) {
      String store = "store: {url: \"" + server.url() + "\", poll-ms: 100}";
      try (InProcessGateway one = InProcessGateway.before(store, upstream);
          InProcessGateway other = InProcessGateway.before(store, upstream)) {
        Thread beside =
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        use(other, 4);
                      } catch (Exception e) {
                        throw new AssertionError(e);
                      }
                    });
        use(one, 4);
        beside.join();
        SloLedger both = metrics(one, 4).plus(metrics(other, 4));

        // What the other one counted is in the database within its poll.
        Await.until("both", () -> history(one), both::equals);
        assertEquals(both, history(one));
        assertEquals(both, history(other));
        assertEquals(3 * 8, both.count("m batch wall all"));
      }
    }
  }

  @Test
  void budgetsAndPreviewsAreOfTheHistory() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      use(gateway, 2);
      SloLedger counted = metrics(gateway, 2);
      long late = counted.count("m interactive ttft missed");
      long met = counted.count("m interactive ttft met");

      JsonNode budgets = gateway.adminJson("/admin/v1/slo/budgets?class=interactive&model=m");
      JsonNode budget = budgets.path("classes").path(0);
      JsonNode ttft = budget.path("objectives").path("ttft");
      double allowed = (met + late) * (1 - budget.path("objective").asDouble());

      assertTrue(late >= 2, counted::toString);
      assertEquals(6, met + late);
      assertEquals(late, ttft.path("missed").asLong());
      assertEquals(1 - late / allowed, ttft.path("budget_left").asDouble(), 1e-9);
      for (String window : WINDOWS.keySet()) {
        JsonNode burn = ttft.path("burn").path(window);
        assertEquals(late / allowed, burn.path("rate").asDouble(), 1e-9, window);
      }
      assertWindows(budgets.path("at").asText(), ttft.path("burn"));
      assertTrue(budget.path("objectives").path("deadline").path("met").asLong() > 0);

      String wanted = "{\"ttft_ms\":10000,\"deadline_ms\":60000}";
      JsonNode preview =
          json(
              gateway
                  .admin("PUT", "/admin/v1/slo-classes/interactive?preview=true", wanted)
                  .body());
      JsonNode told = preview.path("objectives").path("ttft");

      assertEquals(6, preview.path("requests").asLong());
      assertEquals(1, preview.path("would_meet").path("least").asDouble(), preview::toString);
      assertEquals(300, told.path("present_target_ms").asInt());
      assertEquals(met, told.path("did_meet").path("met").asLong());
      assertTrue(
          gateway.adminJson("/admin/v1/slo-classes").toString().contains("\"ttft_ms\":300,"));
    }
  }

  /** Each window is as long as its name says, and begins where a twelfth of an hour does. */
  private static void assertWindows(String at, JsonNode burn) {
    long now = Instant.parse(at).toEpochMilli();
    WINDOWS.forEach(
        (name, window) -> {
          long from = Math.floorDiv(now - window.toMillis(), SLOT_MS) * SLOT_MS;
          assertEquals(
              Instant.ofEpochMilli(from).toString(), burn.path(name).path("from").asText(), name);
        });
  }

  @Test
  void hoursAreAskedForByClassModelAndTime() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      use(gateway, 1);
      SloLedger all = metrics(gateway, 1);
      JsonNode hours = gateway.adminJson(HISTORY).path("hours");
      Instant first = Instant.parse(hours.path(0).path("hour").asText());
      Instant after = Instant.parse(hours.path(hours.size() - 1).path("hour").asText()).plus(HOUR);

      List<JsonNode> batch = filtered(gateway, "class=batch");
      assertEquals(hours.valueStream().filter(of("class", "batch")).toList(), batch);
      assertEquals(3, batch.stream().mapToLong(SloHistoryIT::requests).sum(), batch::toString);
      List<JsonNode> ofModel = hours.valueStream().filter(of("model", "m")).toList();
      assertEquals(ofModel, filtered(gateway, "model=m"));
      assertEquals(batch, filtered(gateway, "model=m&class=batch"));
      assertEquals(List.of(), filtered(gateway, "class=none"));
      assertEquals(List.of(), filtered(gateway, "model=none"));
      assertEquals(all.requests(), asked(gateway, "from=" + first + "&to=" + after));
      // The hour that the first moment is in is the first one, as a whole.
      assertEquals(all.requests(), asked(gateway, "from=" + first.plusMillis(1)));
      assertEquals(0, asked(gateway, "from=" + after + "&to=" + after.plus(HOUR)));
      assertEquals(0, asked(gateway, "to=" + first));
    }
  }

  private static Predicate<JsonNode> of(String field, String value) {
    return hour -> hour.path(field).asText().equals(value);
  }

  private static List<JsonNode> filtered(InProcessGateway gateway, String query) throws Exception {
    return gateway.adminJson(HISTORY + "&" + query).path("hours").valueStream().toList();
  }

  private static long asked(InProcessGateway gateway, String query) throws Exception {
    return filtered(gateway, query).stream().mapToLong(SloHistoryIT::requests).sum();
  }

  private static long requests(JsonNode hour) {
    return hour.at("/times/wall/count").asLong();
  }

  private static JsonNode json(String text) throws Exception {
    return InProcessGateway.JSON.readTree(text);
  }

  @Test
  void whatIsAskedWrongIsRefusedByName() throws Exception {
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      for (String wrong : List.of("clas=a", "from=yesterday", "buckets=1", "limit=0")) {
        String path = "/admin/v1/slo?" + wrong;
        String answer = gateway.get(gateway.admin(path)).body();
        assertTrue(
            answer.contains("\"param\":\"" + wrong.substring(0, wrong.indexOf('='))), answer);
      }
      assertEquals(
          404, gateway.get(gateway.admin("/admin/v1/slo/budgets?class=none")).statusCode());
      assertEquals(
          400,
          gateway
              .admin("PUT", "/admin/v1/slo-classes/a?preview=1", "{\"ttft_ms\":1}")
              .statusCode());
    }
  }

  /** What was answered is written: a kill takes only what ended in the two seconds before it. */
  @Test
  void whatTheHistoryHasShownOutlivesAKill(@TempDir Path state) throws Exception {
    Path config = state.resolve("switchboard.yaml");
    Files.writeString(config, "upstreams: [{url: \"" + upstream.url() + "\", models: [m]}]");
    JsonNode shown;
    try (GatewayProcess gateway = process(state, config)) {
      for (int i = 0; i < 5; i++) {
        assertEquals(
            200,
            gateway
                .post(gateway.api(InProcessGateway.CHAT), InProcessGateway.chat(true))
                .statusCode());
      }
      shown =
          Await.until(
              "the history of all",
              () -> gateway.admin(HISTORY),
              told -> SloLedger.history(told).count("m standard wall all") >= 5);
      gateway.process().destroyForcibly().waitFor();
    }
    try (GatewayProcess gateway = process(state, config)) {
      assertEquals(shown.path("hours"), gateway.admin(HISTORY).path("hours"));
    }
  }

  private static GatewayProcess process(Path state, Path config) throws Exception {
    return GatewayProcess.start(
            List.of("-Dswitchboard.state=" + state), "--config", config.toString())
        .awaitReady();
  }
}

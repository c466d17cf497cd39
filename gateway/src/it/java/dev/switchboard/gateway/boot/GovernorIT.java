package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import org.junit.jupiter.api.Test;

/** Telemetry that takes more of the machine than it may is held back, and let go again. */
class GovernorIT {
  private static final String LEVELS = "/admin/v1/trace-levels";

  @Test
  void theCeilingFollowsWhatTelemetryTakesAndWhatItMay() throws Exception {
    try (FakeUpstream upstream = new FakeUpstream();
        InProcessGateway gateway = InProcessGateway.before(governed("0.000001"), upstream)) {
      assertEquals(3, ceiling(gateway));

      // The scrapes by which this is seen are what takes too much.
      Await.until("the ceiling", () -> ceiling(gateway), level -> level == 1);

      // Of a window in which this process did not run, nothing is told.
      JsonNode held =
          Await.until(
              "a window with a share",
              () -> gateway.adminJson(LEVELS),
              levels -> levels.at("/governor/cpu_share").asDouble() > 0);
      assertEquals(1, held.at("/ceiling/level").asInt());
      assertTrue(held.at("/governor/since_ms").asLong() > 0, held::toString);
      Await.until(
          "the share as a metric",
          () -> metrics(gateway).sum("switchboard_telemetry_cpu_ratio"),
          share -> share > 0);
      saysWhatIsHeldBackAndWhy(gateway.adminJson("/admin/v1/gateway").path("telemetry"));

      gateway.rewrite(governed("100"));
      gateway.adminPost("/admin/v1/config/reload", "application/json");
      Await.until("the ceiling", () -> ceiling(gateway), level -> level == 3);
      assertTrue(gateway.adminJson(LEVELS).path("ceiling").isNull());
      JsonNode free = gateway.adminJson("/admin/v1/gateway").path("telemetry");
      assertEquals(0, free.path("held_back").size(), free::toString);
      assertTrue(free.path("why").isNull(), free::toString);
    }
  }

  private static void saysWhatIsHeldBackAndWhy(JsonNode telemetry) {
    assertEquals(1, telemetry.path("level").asInt(), telemetry::toString);
    assertEquals(2, telemetry.path("wanted_level").asInt(), telemetry::toString);
    assertEquals("ranks", telemetry.at("/held_back/1").asText(), telemetry::toString);
    assertTrue(telemetry.path("why").asText().contains("scrapes"), telemetry::toString);
    assertTrue(telemetry.path("why").asText().contains("cpu-percent"), telemetry::toString);
  }

  private static String governed(String percent) {
    return "telemetry: {governor: {cpu-percent: "
        + percent
        + ", window-ms: 100, calm-windows: 2}}\n";
  }

  private static int ceiling(InProcessGateway gateway) throws Exception {
    return (int) metrics(gateway).sum("switchboard_telemetry_ceiling");
  }

  private static MetricsText metrics(InProcessGateway gateway) throws Exception {
    return new MetricsText(gateway.get(gateway.admin("/metrics")).body());
  }
}

package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.Collective;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StateReaderTest {
  @Test
  void everyRankBringsItsHeartbeatItsScoreAndItsTimes() {
    ReplicaReport report =
        read(
            """
            {"state": "ready", "topology": {"stages": 1, "ranks": 2},
             "memory": {"weight_bytes": 7, "kv_bytes": 8, "scratch_bytes": 9},
             "load": {"step": 12, "preemptions": 3, "generated_tokens": 40, "prompt_tokens": 50},
             "health": {
               "ranks": [{"stage": 0, "rank": 0, "age_ms": 4},
                         {"stage": 0, "rank": 1, "age_ms": 5, "current_ms": 6}],
               "skew": [{"stage": 0, "rank": 0, "score": 1.0},
                        {"stage": 0, "rank": 1, "score": 1.25, "straggler": true, "late_ms": 80.5}],
               "times": [{"stage": 0, "rank": 0, "steps": 12, "compute_ms": 1.5},
                         {"stage": 0, "rank": 1, "steps": 11, "compute_ms": 2.5, "bytes": 1000}]}}
            """);

    assertEquals(2, report.rankReports().size());
    RankReport slow = report.rankReports().get(1);
    assertEquals(1.25, slow.score());
    assertTrue(slow.straggler());
    assertEquals(80.5, slow.lateMs());
    assertEquals(6, slow.currentMs());
    assertEquals(2.5, slow.computeMs());
    assertEquals(1000, slow.bytes());
    assertEquals(12, report.steps());
    assertEquals(9, report.scratchBytes());
  }

  @Test
  void devicesThatTheWorkerMayUseAreTakenWithWhatTheyTell() {
    ReplicaReport report =
        read(
            """
            {"state": "ready", "devices": [
              {"usable": true, "device": 1, "memory_bytes": 2000, "memory_used_bytes": 500,
               "utilisation_ratio": 0.75, "temperature_celsius": 61, "power_watts": 412.5,
               "clock_mhz": 1755, "throttles": ["thermal"], "ecc_uncorrected": 2,
               "row_remap_pending": true},
              {"usable": false, "index": 2, "name": "another's"},
              {"usable": true, "device": 64}]}
            """);

    assertEquals(1, report.devices().size());
    DeviceReport only = report.devices().getFirst();
    assertEquals(1, only.device());
    assertEquals(500, only.usedBytes());
    assertEquals(0.75, only.utilisation());
    assertEquals(61, only.celsius());
    assertEquals(Set.of("thermal"), only.throttles());
    assertEquals(2, only.uncorrected());
    assertEquals(-1, only.corrected());
    assertTrue(Double.isNaN(only.limitWatts()));
    assertTrue(only.remapPending());
  }

  @Test
  void ranksThatNoEngineHasAreNotTaken() {
    StringBuilder ranks = new StringBuilder("{\"stage\": 0, \"rank\": 0}");
    for (int i = 0; i < 1000; i++) {
      ranks.append(", {\"stage\": ").append(i).append(", \"rank\": ").append(i).append('}');
    }

    ReplicaReport report = read("{\"state\": \"ready\", \"health\": {\"ranks\": [" + ranks + "]}}");

    assertTrue(report.rankReports().size() <= 17, report::toString);
  }

  @Test
  void spreadsOfKnownStagesKindsAndBoundsAreTaken() {
    String counts = "[0, 3" + ", 0".repeat(Collective.spreadBounds().length - 1) + "]";
    String spread = "{\"stage\": %s, \"collective\": \"%s\", \"sum_ms\": 0.02, \"counts\": %s}";
    String told =
        String.join(
            ", ",
            spread.formatted("1", "feed_forward", counts),
            spread.formatted("16", "feed_forward", counts),
            spread.formatted("0", "broadcast", counts),
            spread.formatted("0", "output", "[1]"),
            spread.formatted("0", "output", counts.replace("3", "-3")));

    ReplicaReport report =
        read("{\"state\": \"ready\", \"health\": {\"spreads\": [" + told + "]}}");

    assertEquals(1, report.spreads().size(), report::toString);
    ReplicaReport.Spread only = report.spreads().getFirst();
    assertEquals(1, only.stage());
    assertEquals(Collective.Kind.FEED_FORWARD, only.kind());
    assertEquals(0.02, only.sumMs());
    assertEquals(3, only.counts().get(1));
  }

  @Test
  void aWorkerThatIsNotReadySaysSo() {
    IllegalStateException refused =
        assertThrows(IllegalStateException.class, () -> read("{\"state\": \"draining\"}"));

    assertEquals("it says that it is draining", refused.getMessage());
    assertThrows(IllegalStateException.class, () -> read("nothing"));
  }

  private static ReplicaReport read(String json) {
    return StateReader.read(json.getBytes(StandardCharsets.UTF_8), 1, new AttemptId(7, 0));
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.admin.AdminRoute;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.fleet.RollingRestart;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the audit log tells of changes, held to what the API itself tells before and after them. */
class AuditIT {
  private static final String REPLICA = "/admin/v1/replicas/w0";
  private static final String RESTART = "/admin/v1/replicas/restart";
  private static final String KEYS = "/admin/v1/keys";
  private static final String TENANTS = "/admin/v1/tenants";
  private static final String CONFIG = "/admin/v1/config";
  private static final String CLASSES = "/admin/v1/slo-classes";
  private static final String SPLITS = "/admin/v1/splits";
  private static final String LEVELS = "/admin/v1/trace-levels";
  private static final String DRILLS = "/admin/v1/drills";
  private static final String NO_GRACE = "{\"grace_ms\":0}";

  /** Of a replica: these change by themselves. */
  private static final Set<String> PASSING =
      Set.of("in_flight", "learned", "drain", "report", "blame");

  /**
   * Of a key two things are told, and a worker that stands by takes two: see AdminChangesIT and
   * FakeWorkerIT. Models are of real workers: see ModelsIT. Diagnostics change nothing: see
   * DiagnosticsIT.
   */
  private static final Set<String> ELSEWHERE =
      Set.of(
          "POST /admin/v1/keys/:id/rotate",
          "POST /admin/v1/replicas/:id/promote",
          "DELETE /admin/v1/requests/:id",
          "POST /admin/v1/diagnostics",
          "POST /admin/v1/models",
          "PATCH /admin/v1/models/:id",
          "DELETE /admin/v1/models/:id",
          "POST /admin/v1/models/:id/reset");

  private static final Set<ReplicaState> SETTLED =
      Set.of(ReplicaState.READY, ReplicaState.CORDONED, ReplicaState.DRAINED);

  /**
   * A change that is valid.
   *
   * @param target what stands for the route's parameter; empty for the id of the only key
   * @param read where the API tells of what it changes
   * @param at where in that, as a JSON pointer
   */
  private record Step(String action, String target, String body, String read, String at) {
    static Step replica(String verb, String body) {
      return new Step("POST /admin/v1/replicas/:id/" + verb, "w0", body, REPLICA, "");
    }

    HttpResponse<String> take(InProcessGateway gateway) throws Exception {
      String[] parts = action.split(" ", 2);
      String name = target.isEmpty() ? gateway.adminJson(KEYS).at("/keys/0/id").asText() : target;
      return gateway.admin(parts[0], parts[1].replaceFirst(":\\w+", name), body);
    }

    JsonNode told(InProcessGateway gateway) throws Exception {
      return gateway.adminJson(read).at(at);
    }

    /** Whether what it leads to stays as it is. */
    boolean atOnce() {
      return !read.startsWith("/admin/v1/replicas");
    }
  }

  /** Changes of every kind, each of which finds what it needs. */
  private static final List<Step> STEPS =
      List.of(
          Step.replica("cordon", ""),
          Step.replica("uncordon", ""),
          Step.replica("weight", "{\"weight\":2}"),
          Step.replica("drain", NO_GRACE),
          new Step("DELETE /admin/v1/replicas/:id/drain", "w0", "", REPLICA, ""),
          Step.replica("drain", NO_GRACE),
          Step.replica("resume", ""),
          new Step("POST " + KEYS, "", "{\"name\":\"a\"}", KEYS, "/keys/0"),
          new Step("DELETE " + KEYS + "/:id", "", "", KEYS, "/keys/0"),
          new Step("PUT " + TENANTS + "/:name", "gold", "{\"weight\":2}", TENANTS, "/tenants/0"),
          new Step("PUT " + TENANTS + "/:name", "gold", "{\"weight\":3}", TENANTS, "/tenants/0"),
          new Step("DELETE " + TENANTS + "/:name", "gold", "", TENANTS, "/tenants/0"),
          new Step("POST " + CONFIG + "/reload", "", "", CONFIG, ""),
          // The configuration has it too, as the first by its name.
          new Step(
              "PUT " + CLASSES + "/:name", "batch", "{\"ttft_ms\":8}", CLASSES, "/slo_classes/0"),
          new Step("DELETE " + CLASSES + "/:name", "batch", "", CLASSES, "/slo_classes/0"),
          new Step(
              "PUT " + SPLITS + "/:name",
              "a",
              "{\"targets\":[{\"model\":\"m\"}]}",
              SPLITS,
              "/splits/0"),
          new Step("DELETE " + SPLITS + "/:name", "a", "", SPLITS, "/splits/0"),
          new Step("PUT " + LEVELS, "", "{\"level\":2}", LEVELS, ""),
          new Step("DELETE " + LEVELS, "", "", LEVELS, ""),
          new Step("PUT " + LEVELS + "/:model", "m", "{\"level\":3}", LEVELS, "/models/0"),
          new Step("DELETE " + LEVELS + "/:model", "m", "", LEVELS, "/models/0"),
          new Step(
              "POST /admin/v1/replicas/:id/drill",
              "w0",
              "{\"kind\":\"stop\",\"duration_ms\":60000}",
              DRILLS,
              "/drills/0"),
          new Step("DELETE " + DRILLS + "/:id", "d1", "", DRILLS, "/drills/0"),
          Step.replica("restart", NO_GRACE),
          new Step("POST " + RESTART, "", NO_GRACE, RESTART, ""));

  @Test
  void ofEveryChangeTheLogHasWhatTheApiToldBeforeAndAfter(@TempDir Path folder) throws Exception {
    try (FakeUpstream server = new FakeUpstream()) {
      server.script((request, body) -> request.response().end("{\"choices\":[]}"));
      try (InProcessGateway gateway =
          InProcessGateway.withWorker(
              "{workers: {state-poll-ms: 50}, drills: {enabled: true}}",
              WorkerScript.of(folder, 0, server.url()))) {
        gateway.rewrite("retry: {ratio: 0.2}");
        for (Step step : STEPS) {
          Await.until("rest before " + step, () -> settled(gateway.fleet()));
          take(gateway, step);
        }

        assertEquals(
            gateway.gateway().adminRoutes().stream()
                .filter(AdminRoute::mutating)
                .map(AdminRoute::action)
                .filter(action -> !ELSEWHERE.contains(action))
                .collect(Collectors.toSet()),
            STEPS.stream().map(Step::action).collect(Collectors.toSet()));
      }
    }
  }

  /** A reload begins a restart of its own, beside which none can be asked for. */
  private static boolean settled(Fleet fleet) {
    RollingRestart last = fleet.restarts().last();
    return SETTLED.contains(fleet.replicas().getFirst().state())
        && (last == null || last.report().done());
  }

  private static void take(InProcessGateway gateway, Step step) throws Exception {
    JsonNode before = step.told(gateway);
    HttpResponse<String> answer = step.take(gateway);
    JsonNode after = step.told(gateway);

    JsonNode row = gateway.adminJson("/admin/v1/audit").path("audit").path(0);

    assertTrue(answer.statusCode() < 300, () -> step + answer.body());
    assertEquals(step.action(), row.path("action").asText());
    assertTold(before, row.path("before"), step);
    if (step.atOnce()) {
      assertTold(after, row.path("after"), step);
    } else {
      assertFalse(row.path("after").isEmpty(), () -> step + row.toString());
    }
  }

  private static void assertTold(JsonNode told, JsonNode logged, Step step) {
    assertEquals(told.isMissingNode(), logged.isNull(), () -> step + logged.toString());
    assertEquals(told.isMissingNode(), logged.isEmpty(), () -> step + logged.toString());
    for (var member : logged.properties()) {
      if (!PASSING.contains(member.getKey())) {
        // Keys of the configuration are its members' names, one behind another.
        JsonNode found = told.at("/" + member.getKey().replace('.', '/'));
        assertEquals(found, member.getValue(), () -> step + member.getKey());
      }
    }
  }
}

package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.drill.DrillPlan;
import dev.switchboard.gateway.drill.DrillReport;
import dev.switchboard.gateway.drill.Drills;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** Breaks replicas on purpose, and tells how that goes. */
final class DrillRoutes {
  private static final String DRILLS = "/admin/v1/drills";

  private final Fleet fleet;
  private final Drills drills;

  private DrillRoutes(Fleet fleet, Drills drills) {
    this.fleet = fleet;
    this.drills = drills;
  }

  /** What a drill is asked for. */
  record Wanted(
      @Nullable String kind,
      @JsonProperty("duration_ms") @Nullable Integer durationMs,
      @Nullable Integer stage,
      @Nullable Integer rank,
      @Nullable Double factor,
      @JsonProperty("delay_ms") @Nullable Integer delayMs) {
    DrillPlan plan(int mostMs) {
      try {
        return DrillPlan.of(kind, durationMs, stage, rank, factor, delayMs, mostMs);
      } catch (IllegalArgumentException e) {
        String[] message = String.valueOf(e.getMessage()).split(" ", 2);
        throw JsonInput.refused(message[0], message[1]);
      }
    }
  }

  static void add(AdminRouter router, Fleet fleet, Drills drills) {
    DrillRoutes routes = new DrillRoutes(fleet, drills);
    router.read(DRILLS, routes::list);
    router.change(HttpMethod.POST, "/admin/v1/replicas/:id/drill", Role.OPERATOR, routes::begin);
    router.change(HttpMethod.DELETE, DRILLS + "/:id", Role.OPERATOR, routes::cut);
  }

  private void list(RoutingContext context) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("enabled", drills.enabled()).put("max_ms", drills.maxMs());
    ArrayNode array = json.putArray("drills");
    drills.list().forEach(drill -> array.add(Versions.with(DrillJson.of(drill))));
    AdminServer.answer(context, json);
  }

  private Future<Change> begin(RoutingContext context, byte[] body) {
    Replica replica = ReplicaRoutes.named(context, fleet);
    Versions.check(context, ReplicaJson.settings(replica));
    DrillPlan plan = JsonInput.read(body, Wanted.class).plan(drills.maxMs());
    return told(context, drills.begin(replica, plan))
        .map(
            report -> {
              ObjectNode json = DrillJson.of(report);
              return new Change(202, json, null, json);
            });
  }

  private Future<Change> cut(RoutingContext context, byte[] body) {
    String id = JsonInput.path(context, "id");
    DrillReport before = drills.find(id);
    Versions.check(context, before == null ? null : DrillJson.of(before));
    CompletionStage<DrillReport> over = before == null ? null : drills.cut(id);
    if (over == null || before == null) {
      throw new ApiException(AdminServer.noSuch("drill", "id"));
    }
    return told(context, over)
        .map(
            report -> {
              ObjectNode json = DrillJson.of(report);
              return Change.of(json, DrillJson.of(before), json);
            });
  }

  private static Future<DrillReport> told(
      RoutingContext context, CompletionStage<DrillReport> stage) {
    return Future.fromCompletionStage(stage, context.vertx().getOrCreateContext());
  }
}

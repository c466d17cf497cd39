package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.drain.BudgetAtRisk;
import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.drain.DrainPlan.Fate;
import dev.switchboard.gateway.fleet.RollingRestart;
import java.util.Comparator;
import java.util.Locale;

/** Plans and reports of drains. */
final class DrainJson {
  /** Told of those that hold a drain up. */
  private static final int MOST_REMAINING = 20;

  private DrainJson() {}

  static ObjectNode plan(DrainPlan plan, long graceMs) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("grace_ms", graceMs).put("expected_ms", plan.expectedMs());
    json.put("expected_moves", Math.round(plan.expectedMoves() * 10) / 10.0);
    json.put("bounded", plan.bounded()).put("requests", plan.forecasts().size());
    for (Fate fate : Fate.values()) {
      json.put(word(fate), plan.count(fate));
    }
    ArrayNode slo = json.putArray("slo");
    for (BudgetAtRisk each : plan.slo()) {
      slo.addObject()
          .put("class", each.sloClass())
          .put("requests", each.requests())
          .put("at_risk", each.atRisk());
    }
    ArrayNode rows = json.putArray("forecasts");
    for (DrainPlan.Forecast forecast : plan.forecasts()) {
      rows.addObject()
          .put("request", forecast.request().requestId())
          .put("stream", forecast.request().stream())
          .put("tokens", forecast.request().tokens())
          .put("fate", word(forecast.fate()))
          .put("remaining_ms", forecast.remainingMs())
          .put("cost_ms", forecast.costMs());
    }
    return json;
  }

  /** Adds what holds a drain up that goes on: the requests that stay longest. */
  static void remaining(DrainPlan plan, ObjectNode to) {
    to.put("expected_ms", plan.expectedMs());
    ArrayNode rows = to.putArray("remaining_requests");
    plan.forecasts().stream()
        .sorted(Comparator.comparingLong(DrainPlan.Forecast::remainingMs).reversed())
        .limit(MOST_REMAINING)
        .forEach(
            forecast ->
                rows.addObject()
                    .put("id", forecast.request().requestId())
                    .put("stream", forecast.request().stream())
                    .put("tokens", forecast.request().tokens())
                    .put("fate", word(forecast.fate()))
                    .put("why", word(forecast.why()))
                    .put("remaining_ms", forecast.remainingMs()));
  }

  static ObjectNode report(Drain.Report report) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("requests", report.requests())
        .put("finished_in_place", report.finished())
        .put("migrated", report.moved())
        .put("restarted", report.restarted())
        .put("abandoned", report.abandoned())
        .put("broken", report.broken())
        .put("remaining", report.remaining())
        .put("between", report.between())
        .put("longest_pause_ms", report.longestPauseMs())
        .put("duration_ms", report.durationMs())
        .put("done", report.done());
  }

  static ObjectNode restart(RollingRestart.Report report) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("done", report.done()).put("failed", report.failed());
    json.put("seconds", report.seconds());
    ArrayNode rows = json.putArray("workers");
    for (RollingRestart.Row row : report.rows()) {
      ObjectNode one = rows.addObject().put("id", row.replica());
      one.put("step", row.step().name()).put("seconds", row.seconds());
      one.set("drain", row.drain() == null ? null : report(row.drain()));
    }
    return json;
  }

  private static String word(Enum<?> word) {
    return word.name().toLowerCase(Locale.ROOT);
  }
}

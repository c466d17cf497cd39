package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.drill.DrillKind;
import dev.switchboard.gateway.drill.DrillPlan;
import dev.switchboard.gateway.drill.DrillReport;
import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A drill as the API and the events tell it.. */
final class DrillJson {
  private DrillJson() {}

  static ObjectNode of(DrillReport report) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("id", report.id()).put("replica", report.replica()).put("model", report.model());
    plan(report.plan(), json);
    json.put("phase", report.phase().toLowerCase(Locale.ROOT));
    json.put("outcome", lower(report.outcome())).put("message", report.message());
    json.put("started_at", Instant.ofEpochMilli(report.startedMs()).toString());
    Long ended = report.endedMs();
    json.put("ended_at", ended == null ? null : Instant.ofEpochMilli(ended).toString());
    json.put("left_after_ms", report.leftAfterMs()).put("back_after_ms", report.backAfterMs());
    json.put("named_after_ms", report.namedAfterMs());
    DrillReport.Noticed noticed = report.noticed();
    json.putObject("noticed")
        .put("requests", noticed.requests())
        .put("missed", noticed.missed())
        .put("moved", noticed.moved())
        .put("broken", noticed.broken())
        .put("longest_pause_ms", noticed.longestPauseMs());
    return json;
  }

  private static void plan(DrillPlan plan, ObjectNode json) {
    json.put("kind", plan.kind().label());
    json.put("duration_ms", plan.durationMs() == 0 ? null : plan.durationMs());
    json.put("stage", plan.stage() < 0 ? null : plan.stage());
    json.put("rank", plan.rank() < 0 ? null : plan.rank());
    json.put("factor", plan.kind() == DrillKind.SLOW_RANK ? plan.factor() : null);
    json.put("delay_ms", plan.kind() == DrillKind.DELAY_RANK ? plan.delayMs() : null);
  }

  private static @Nullable String lower(@Nullable String word) {
    return word == null ? null : word.toLowerCase(Locale.ROOT);
  }
}

package dev.switchboard.console.slo;

import dev.switchboard.console.ui.Format;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A service class. A target of 0 is none.
 *
 * @param objective share of its requests that are to meet each target
 * @param version for If-Match
 * @param stored whether it was set by the admin API
 */
public record ClassRow(
    String name,
    int ttftMs,
    double tpotMs,
    int deadlineMs,
    int priority,
    double objective,
    int windowDays,
    String version,
    boolean stored) {

  static ClassRow of(JsonNode c) {
    return new ClassRow(
        c.path("name").asString(""),
        c.path("ttft_ms").asInt(0),
        c.path("tpot_ms").asDouble(0),
        c.path("deadline_ms").asInt(0),
        c.path("priority").asInt(0),
        c.path("objective").asDouble(0.99),
        c.path("window_days").asInt(30),
        c.path("version").asString(""),
        c.path("stored").asBoolean(false));
  }

  /** What is put; the class as a whole. */
  void put(ObjectNode body) {
    body.put("ttft_ms", ttftMs);
    body.put("tpot_ms", tpotMs);
    body.put("deadline_ms", deadlineMs);
    body.put("priority", priority);
    body.put("objective", objective);
    body.put("window_days", windowDays);
  }

  static String target(double ms) {
    return ms > 0 ? Format.millis(ms) : "none";
  }
}

package dev.switchboard.console.audit;

import dev.switchboard.console.fleet.Actions;
import java.time.Instant;
import tools.jackson.databind.JsonNode;

/**
 * An entry of a gateway's audit log.
 *
 * @param who the person it was done for, else the key
 * @param key whose holder asked for it
 */
public record AuditRow(
    String gateway,
    long id,
    Instant at,
    String who,
    String key,
    String role,
    String source,
    String words,
    String action,
    String target,
    String reason,
    int status,
    String code,
    String before,
    String after) {

  static AuditRow of(String gateway, JsonNode e) {
    String key = e.path("actor").asString("");
    String action = e.path("action").asString("");
    return new AuditRow(
        gateway,
        e.path("id").asLong(0),
        Instant.parse(e.path("at").asString("1970-01-01T00:00:00Z")),
        e.path("on_behalf_of").asString(key),
        key,
        e.path("role").asString(""),
        e.path("source").asString(""),
        Actions.words(action),
        action,
        e.path("target").asString(""),
        e.path("reason").asString(""),
        e.path("status").asInt(0),
        e.path("code").asString(""),
        value(e.path("before")),
        value(e.path("after")));
  }

  private static String value(JsonNode node) {
    return node.isNull() || node.isMissingNode() ? "" : node.toPrettyString();
  }
}

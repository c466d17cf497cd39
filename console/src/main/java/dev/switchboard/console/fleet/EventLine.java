package dev.switchboard.console.fleet;

import dev.switchboard.console.live.Event;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Tone;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Something that happened, in a sentence.
 *
 * @param icon of console.js
 * @param replica that it happened to; empty for others
 */
public record EventLine(
    Instant at, String gateway, String replica, Tone tone, String icon, String text) {

  /** Of an event; nothing for those that another one tells too. */
  public static Optional<EventLine> of(Event event) {
    JsonNode d = event.data();
    String r = d.path("replica").asString("");
    return Optional.ofNullable(
        switch (event.type()) {
          case "replica_state" -> state(event, d, r);
          case "drain_started" ->
              at(event, r, Tone.BUSY, "drain", r + ": drain began with " + requests(d, "requests"));
          case "drain_ended" -> drained(event, d, r);
          case "audit" -> audit(event, d);
          case "drill_started" ->
              at(event, r, Tone.WARN, "alert", r + ": drill " + text(d, "kind") + " began");
          case "drill_ended" ->
              at(
                  event,
                  r,
                  Tone.BUSY,
                  "check",
                  r + ": drill " + text(d, "kind") + " ended, " + text(d, "outcome"));
          default -> ofGateway(event, d);
        });
  }

  private static @Nullable EventLine ofGateway(Event event, JsonNode d) {
    return switch (event.type()) {
      case "config_reload" ->
          at(
              event,
              "",
              text(d, "result").equals("done") ? Tone.BUSY : Tone.WARN,
              "system",
              "Configuration reload: " + text(d, "result"));
      case "trace_ceiling" -> ceiling(event, d);
      case "overload_began" ->
          at(event, "", Tone.BAD, "alert", text(d, "model") + ": requests are refused for load");
      case "overload_ended" ->
          at(
              event,
              "",
              Tone.GOOD,
              "check",
              text(d, "model") + ": overload ended, refused " + requests(d, "shed"));
      case "gateway_stopping" ->
          at(
              event,
              "",
              Tone.WARN,
              "stop",
              "The gateway stops, in flight: " + requests(d, "in_flight"));
      default -> null;
    };
  }

  /** Of two steps on one level the event says what share is told now, not what it was. */
  private static EventLine ceiling(Event event, JsonNode d) {
    int from = number(d, "from");
    int to = number(d, "to");
    double told = d.path("told_share").asDouble(1);
    if (to > from) {
      return at(event, "", Tone.GOOD, "check", "Telemetry raised to level " + to + ", was " + from);
    }
    if (to < from) {
      return at(
          event, "", Tone.WARN, "system", "Telemetry limited to level " + to + ", was " + from);
    }
    String share = "Telemetry at level " + to + ": " + Format.percent(told) + " of requests told";
    return told < 1
        ? at(event, "", Tone.WARN, "system", share)
        : at(event, "", Tone.GOOD, "check", share);
  }

  private static EventLine at(
      Event event, String replica, Tone tone, String icon, String sentence) {
    return new EventLine(event.at(), event.gateway(), replica, tone, icon, sentence);
  }

  private static EventLine state(Event event, JsonNode d, String r) {
    String to = d.path("to").asString("");
    String reason = d.path("reason").asString("");
    String sentence = r + ": " + to.toLowerCase(Locale.ROOT);
    return at(
        event,
        r,
        Tone.ofReplica(to),
        icon(to),
        reason.isEmpty() ? sentence : sentence + ", " + reason);
  }

  private static String icon(String state) {
    return switch (state) {
      case "READY" -> "check";
      case "FAILED", "EJECTED" -> "alert";
      case "DRAINING" -> "drain";
      case "CORDONED" -> "cordon";
      case "DRAINED", "STOPPED", "STANDBY" -> "pause";
      default -> "loader";
    };
  }

  private static EventLine drained(Event event, JsonNode d, String r) {
    int moved = number(d, "migrated") + number(d, "restarted");
    String sentence =
        "%s: drain ended after %s: %d finished, %d moved, %d broken"
            .formatted(
                r,
                Format.millis(d.path("duration_ms").asDouble(0)),
                number(d, "finished_in_place"),
                moved,
                number(d, "broken"));
    return at(event, r, number(d, "broken") > 0 ? Tone.BAD : Tone.GOOD, "drain", sentence);
  }

  private static @Nullable EventLine audit(Event event, JsonNode d) {
    int status = number(d, "status");
    String action = d.path("action").asString("");
    if (Actions.isDryRun(action)) {
      return null;
    }
    String target = d.path("target").asString("");
    String sentence =
        d.path("on_behalf_of").asString(d.path("actor").asString("somebody"))
            + ": "
            + Actions.words(action)
            + (target.isEmpty() ? "" : " " + target);
    return status >= 400
        ? at(event, target, Tone.WARN, "person", sentence + ", answered " + status)
        : at(event, target, Tone.IDLE, "person", sentence);
  }

  private static String requests(JsonNode d, String field) {
    int count = number(d, field);
    return count == 1 ? "1 request" : count + " requests";
  }

  private static int number(JsonNode d, String field) {
    return d.path(field).asInt(0);
  }

  private static String text(JsonNode d, String field) {
    return d.path(field).asString("").replace('_', ' ');
  }
}

package dev.switchboard.console.requests;

import dev.switchboard.console.requests.Receipt.Bar;
import dev.switchboard.console.requests.Receipt.Kind;
import dev.switchboard.console.ui.Format;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** Why each attempt of a request was made, what became of it, and what its ranks did. */
final class Attempts {
  private static final String FIRST = "first";

  private final JsonNode timeline;
  private final CriticalPath critical;
  private final int answering;

  Attempts(JsonNode timeline) {
    this.timeline = timeline;
    this.answering = answering(timeline);
    this.critical = new CriticalPath(timeline);
  }

  /** Each attempt, and below it prefill and decode with a bar per stage and rank. */
  List<Bar> bars() {
    List<Bar> bars = new ArrayList<>();
    for (JsonNode attempt : timeline.path("attempts")) {
      boolean onPath = critical.of(attempt);
      bars.add(bar(attempt, onPath));
      engine(bars, engineOf(attempt).path("prefill"), "prefill", onPath);
      engine(bars, engineOf(attempt).path("decode"), "decode", onPath);
    }
    return bars;
  }

  private static Bar bar(JsonNode attempt, boolean onPath) {
    double start = attempt.path("start_ms").asDouble(0);
    double ms = attempt.path("end_ms").asDouble(start) - start;
    String why = why(attempt);
    String name =
        "attempt "
            + attempt.path("number").asInt(1)
            + " at "
            + attempt.path("replica").asString("")
            + (why.equals(FIRST) ? "" : ", " + why);
    Bar bar = new Bar(name, Kind.NETWORK, start, ms, attempt.path("error").asString(""));
    return onPath ? bar.onCriticalPath() : bar;
  }

  /** Why it was made, in a word or two. */
  private static String why(JsonNode attempt) {
    JsonNode migration = attempt.path("migration");
    if (migration.isObject()) {
      return "moved: " + cause(migration.path("cause").asString(""));
    }
    if (attempt.path("hedge").asBoolean(false)) {
      return "hedge";
    }
    return attempt.path("number").asInt(1) > 1 ? "retry" : FIRST;
  }

  private static String cause(String cause) {
    return switch (cause) {
      case "drained" -> "drain";
      case "died" -> "worker ended";
      case "broken" -> "connection broke";
      case "silent" -> "worker silent";
      case "failed" -> "worker failed";
      default -> cause.replace('_', ' ');
    };
  }

  /** What its worker told; the timeline itself has that of the attempt that answered. */
  private JsonNode engineOf(JsonNode attempt) {
    JsonNode own = attempt.path("engine");
    return own.isObject() || !answered(attempt) ? own : timeline;
  }

  private boolean answered(JsonNode attempt) {
    return attempt.path("number").asInt(1) == answering;
  }

  /** The number of the last one at the replica that answered; where none did, of the last one. */
  private static int answering(JsonNode timeline) {
    int last = 0;
    int found = 0;
    for (JsonNode attempt : timeline.path("attempts")) {
      last = attempt.path("number").asInt(1);
      found = attempt.path("replica").equals(timeline.path("replica")) ? last : found;
    }
    return found == 0 ? last : found;
  }

  private void engine(List<Bar> bars, JsonNode phase, String what, boolean onPath) {
    if (!phase.isObject()) {
      return;
    }
    double start = phase.path("start_ms").asDouble(0);
    String about =
        phase.path("tokens").asInt(0) + " tokens in " + phase.path("steps").asInt(0) + " steps";
    Bar whole = new Bar(what, Kind.COMPUTE, start, phase.path("ms").asDouble(0), about);
    bars.add(onPath ? whole.onCriticalPath() : whole);
    for (JsonNode lane : phase.path("lanes")) {
      bars.add(lane(lane, onPath && critical.of(phase, lane)));
    }
  }

  private static Bar lane(JsonNode lane, boolean onPath) {
    double compute = lane.path("compute_ms").asDouble(0);
    double offCpu = lane.path("off_cpu_ms").asDouble(0);
    double waited =
        lane.path("all_reduce_wait_ms").asDouble(0) + lane.path("receive_wait_ms").asDouble(0);
    double from = lane.path("start_ms").asDouble(0);
    double ms = lane.path("end_ms").asDouble(from) - from;
    String said =
        "compute %s, waiting %s, off-CPU %s, others waited for it %s"
            .formatted(
                Format.millis(compute),
                Format.millis(waited),
                Format.millis(offCpu),
                Format.millis(lane.path("late_ms").asDouble(0)));
    String name = "stage " + lane.path("stage").asInt(0) + ", rank " + lane.path("rank").asInt(0);
    return Bar.ofRank(name, from, ms, compute, offCpu, onPath, said);
  }

  /** Whether there is more to say than the one attempt's bar does. */
  boolean needTable() {
    JsonNode all = timeline.path("attempts");
    return all.size() > 1 || !missing(all.path(0)).isEmpty();
  }

  /** Rows of texts: number, replica, why, from, time, end, ranks. */
  List<List<String>> rows() {
    List<List<String>> rows = new ArrayList<>();
    for (JsonNode a : timeline.path("attempts")) {
      double start = a.path("start_ms").asDouble(0);
      rows.add(
          List.of(
              "" + a.path("number").asInt(1),
              a.path("replica").asString(""),
              why(a) + pause(a.path("migration")),
              Format.millis(start),
              Format.millis(a.path("end_ms").asDouble(start) - start),
              end(a),
              engineOf(a).path("prefill").isObject() || engineOf(a).path("decode").isObject()
                  ? "told"
                  : missing(a)));
    }
    return rows;
  }

  private static String pause(JsonNode migration) {
    double ms =
        migration.path("resumed_ms").asDouble(Double.NaN)
            - migration.path("cut_ms").asDouble(Double.NaN);
    return Double.isNaN(ms) ? "" : ", stream paused " + Format.millis(ms);
  }

  private String end(JsonNode attempt) {
    String error = attempt.path("error").asString("");
    if (!error.isEmpty()) {
      return error;
    }
    if (answered(attempt)) {
      return "answered";
    }
    return critical.of(attempt) ? "went on elsewhere" : "another was faster";
  }

  private static String missing(JsonNode attempt) {
    return switch (attempt.path("engine_missing").asString("")) {
      case "" -> "";
      case "no_timelines" -> "not told: its server keeps no timelines";
      case "replica_gone" -> "not told: the replica is gone";
      case "no_answer" -> "not told: the replica did not answer";
      case "unknown_there" -> "not told: the replica does not know it any more";
      case "not_ended" -> "not told: it had not ended there";
      default -> "not told: " + attempt.path("engine_missing").asString("").replace('_', ' ');
    };
  }
}

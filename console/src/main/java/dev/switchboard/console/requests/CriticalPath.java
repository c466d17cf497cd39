package dev.switchboard.console.requests;

import dev.switchboard.console.ui.Format;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * What a request's wall time is made of: each part began when the one before it ended. Of attempts
 * it has those that it waited for, of each stage the rank that was the last to finish in most
 * steps; the other ranks waited for that one.
 */
public final class CriticalPath {
  private static final double LEAST_SHARE = 0.001;

  /**
   * A part of it.
   *
   * @param where at which rank of each stage; empty for parts outside of the engine
   */
  public record Part(String name, String where, double ms, double share) {}

  private final JsonNode timeline;

  CriticalPath(JsonNode timeline) {
    this.timeline = timeline;
  }

  /** Whether an attempt is on it: not one that another was sent beside, and won. */
  boolean of(JsonNode attempt) {
    for (JsonNode each : timeline.path("attempts")) {
      if (each.path("hedge").asBoolean(false)) {
        return attempt.path("replica").asString("").equals(timeline.path("replica").asString(""));
      }
    }
    return true;
  }

  /** Whether a lane of prefill or decode is the one that others of its stage waited for. */
  boolean of(JsonNode phase, JsonNode lane) {
    for (JsonNode each : phase.path("lanes")) {
      boolean peer = each.path("stage").asInt(0) == lane.path("stage").asInt(0);
      if (peer && later(each, lane)) {
        return false;
      }
    }
    return true;
  }

  /** Whether one finished last more often than the other; of equals, which waited less. */
  private static boolean later(JsonNode one, JsonNode other) {
    int more = one.path("straggler_steps").asInt(0) - other.path("straggler_steps").asInt(0);
    if (more != 0) {
      return more > 0;
    }
    double less =
        other.path("all_reduce_wait_ms").asDouble(0) - one.path("all_reduce_wait_ms").asDouble(0);
    return less > 0 || (less == 0 && one.path("rank").asInt(0) < other.path("rank").asInt(0));
  }

  /** Its parts in their order; those of less than a thousandth are left out. */
  public List<Part> parts() {
    Map<String, Double> sums = new LinkedHashMap<>();
    timeline
        .path("phases")
        .forEach(
            p ->
                sums.merge(
                    part(p.path("phase").asString("")), p.path("ms").asDouble(0), Double::sum));
    double wall = Math.max(timeline.path("wall_ms").asDouble(0), 1e-9);
    List<Part> parts = new ArrayList<>();
    sums.forEach(
        (name, ms) -> {
          if (ms / wall >= LEAST_SHARE) {
            parts.add(new Part(name, where(name), ms, ms / wall));
          }
        });
    return parts;
  }

  private static String part(String phase) {
    if (phase.startsWith("prefill")) {
      return "prefill";
    }
    if (phase.startsWith("decode")) {
      return "decode";
    }
    return switch (phase) {
      case "accept", "parse", "route" -> "gateway";
      case "connect", "send" -> "to the worker";
      case "detokenize_flush", "client_flush" -> "to the client";
      default -> phase.replace('_', ' ');
    };
  }

  private String where(String part) {
    JsonNode phase = timeline.path(part);
    List<String> ranks = new ArrayList<>();
    for (JsonNode lane : phase.path("lanes")) {
      if (of(phase, lane)) {
        ranks.add(
            "stage %d at rank %d, last in %d of %d steps"
                .formatted(
                    lane.path("stage").asInt(0),
                    lane.path("rank").asInt(0),
                    lane.path("straggler_steps").asInt(0),
                    lane.path("steps").asInt(0)));
      }
    }
    return String.join("; ", ranks);
  }

  /** In a sentence. */
  public String sentence() {
    List<String> words = new ArrayList<>();
    for (Part part : parts()) {
      words.add(part.name() + " " + Format.millis(part.ms()));
    }
    return words.isEmpty() ? "Nothing is known of it." : String.join(" → ", words);
  }

  /** Rows of texts: part, time, share, where. */
  public List<List<String>> rows() {
    return parts().stream()
        .map(
            p ->
                List.of(
                    p.name(),
                    Format.millis(p.ms()),
                    Format.percent(Math.rint(p.share() * 1000) / 1000),
                    p.where()))
        .toList();
  }
}

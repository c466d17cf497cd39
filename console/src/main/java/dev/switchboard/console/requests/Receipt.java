package dev.switchboard.console.requests;

import dev.switchboard.console.ui.Format;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** A request's timeline as bars and sentences. */
public final class Receipt {
  /** What a bar's time was spent with; the stylesheet has a colour for each. */
  public enum Kind {
    GATEWAY,
    QUEUE,
    NETWORK,
    COMPUTE,
    WAIT
  }

  /**
   * A line of the waterfall.
   *
   * @param computeMs of a rank, how much of it was compute; the rest was waiting. 0 for others
   * @param deep whether it tells more of the one above it
   * @param critical whether the wall time would be shorter if it were
   */
  public record Bar(
      String name,
      Kind kind,
      double startMs,
      double ms,
      double computeMs,
      boolean deep,
      boolean critical,
      String about) {
    Bar(String name, Kind kind, double startMs, double ms, String about) {
      this(name, kind, startMs, ms, 0, false, false, about);
    }

    Bar onCriticalPath() {
      return new Bar(name, kind, startMs, ms, computeMs, deep, true, about);
    }
  }

  /** Of a phase's name. */
  static Kind kind(String phase) {
    if (phase.endsWith("_compute") || phase.endsWith("_sample") || phase.endsWith("tokenize")) {
      return Kind.COMPUTE;
    }
    if (phase.endsWith("queue")) {
      return Kind.QUEUE;
    }
    if (phase.endsWith("_wait") || phase.endsWith("_off_cpu") || phase.endsWith("_transfer")) {
      return Kind.WAIT;
    }
    boolean network =
        List.of("connect", "send", "client_flush", "detokenize_flush").contains(phase);
    return network || phase.contains("stall") ? Kind.NETWORK : Kind.GATEWAY;
  }

  private static String words(String phase) {
    return phase.replace('_', ' ').replace("off cpu", "off-CPU");
  }

  private final JsonNode timeline;

  public Receipt(JsonNode timeline) {
    this.timeline = timeline;
  }

  public double wallMs() {
    return timeline.path("wall_ms").asDouble(0);
  }

  /** The phases one behind the other; they sum up to the wall time. */
  public List<Bar> phases() {
    List<Bar> bars = new ArrayList<>();
    double start = 0;
    for (JsonNode phase : timeline.path("phases")) {
      String name = phase.path("phase").asString("");
      double ms = phase.path("ms").asDouble(0);
      String share = Format.percent(Math.rint(1000 * phase.path("share").asDouble(0)) / 1000);
      bars.add(new Bar(words(name), kind(name), start, ms, share));
      start += ms;
    }
    return bars;
  }

  /** Attempts, and below them prefill and decode with a bar per stage and rank. */
  public List<Bar> lanes() {
    List<Bar> bars = new ArrayList<>();
    CriticalPath critical = criticalPath();
    for (JsonNode a : timeline.path("attempts")) {
      double start = a.path("start_ms").asDouble(0);
      String error = a.path("error").asString("");
      String name =
          "attempt " + a.path("number").asInt(0) + " at " + a.path("replica").asString("");
      double ms = a.path("end_ms").asDouble(start) - start;
      Bar bar = new Bar(name, Kind.NETWORK, start, ms, error);
      bars.add(critical.of(a) ? bar.onCriticalPath() : bar);
    }
    engine(bars, "prefill");
    engine(bars, "decode");
    return bars;
  }

  private void engine(List<Bar> bars, String what) {
    JsonNode phase = timeline.path(what);
    if (!phase.isObject()) {
      return;
    }
    double start = phase.path("start_ms").asDouble(0);
    String about =
        phase.path("tokens").asInt(0) + " tokens in " + phase.path("steps").asInt(0) + " steps";
    Bar whole = new Bar(what, Kind.COMPUTE, start, phase.path("ms").asDouble(0), about);
    bars.add(whole.onCriticalPath());
    CriticalPath critical = criticalPath();
    for (JsonNode lane : phase.path("lanes")) {
      double compute = lane.path("compute_ms").asDouble(0);
      double from = lane.path("start_ms").asDouble(0);
      double ms = lane.path("end_ms").asDouble(from) - from;
      String name = "stage " + lane.path("stage").asInt(0) + ", rank " + lane.path("rank").asInt(0);
      String said =
          "compute "
              + Format.millis(compute)
              + ", waiting "
              + Format.millis(
                  lane.path("all_reduce_wait_ms").asDouble(0)
                      + lane.path("receive_wait_ms").asDouble(0))
              + ", off-CPU "
              + Format.millis(lane.path("off_cpu_ms").asDouble(0))
              + ", others waited for it "
              + Format.millis(lane.path("late_ms").asDouble(0));
      double computed = Math.min(compute, ms);
      bars.add(new Bar(name, Kind.WAIT, from, ms, computed, true, critical.of(phase, lane), said));
    }
  }

  /** What its wall time is made of, one behind the other. */
  public CriticalPath criticalPath() {
    return new CriticalPath(timeline);
  }

  /** How it ended, what was late, and where most of the time went. */
  public String verdict() {
    String outcome = timeline.path("outcome").asString("");
    StringBuilder text = new StringBuilder();
    if (outcome.equals("ok")) {
      text.append("Answered in ").append(Format.millis(wallMs()));
      text.append(" by ").append(timeline.path("replica").asString("nobody")).append(". ");
    } else {
      text.append("Ended as ").append(outcome.replace('_', ' ')).append(" with status ");
      text.append(timeline.path("status").asInt(0))
          .append(" after ")
          .append(Format.millis(wallMs()));
      String error = timeline.path("error").asString("");
      text.append(error.isEmpty() ? ". " : ": " + error + ". ");
    }
    late(text, "ttft_ms", "The first token");
    late(text, "tpot_ms", "Each token after it");
    int moves = timeline.path("migrations").asInt(0);
    if (moves > 0) {
      text.append("It moved to another worker ").append(moves == 1 ? "once. " : moves + " times. ");
    }
    return text.append(longest()).toString().strip();
  }

  private void late(StringBuilder text, String field, String what) {
    double target = timeline.path("slo").path(field).asDouble(0);
    double is = timeline.path(field).asDouble(Double.NaN);
    if (target > 0 && is > target) {
      text.append(what).append(" took ").append(Format.millis(is)).append(", wanted were ");
      text.append(Format.millis(target)).append(". ");
    }
  }

  private String longest() {
    JsonNode longest = null;
    for (JsonNode phase : timeline.path("phases")) {
      if (longest == null || phase.path("ms").asDouble(0) > longest.path("ms").asDouble(0)) {
        longest = phase;
      }
    }
    if (longest == null) {
      return "";
    }
    return "Most of the time, "
        + Format.percent(Math.rint(100 * longest.path("share").asDouble(0)) / 100)
        + ", went to "
        + words(longest.path("phase").asString(""))
        + ".";
  }

  /** Who could have been chosen: rows of texts. */
  public List<List<String>> candidates() {
    List<List<String>> rows = new ArrayList<>();
    JsonNode route = timeline.path("route");
    String chosen = route.path("chosen").asString("");
    for (JsonNode c : route.path("candidates")) {
      String replica = c.path("replica").asString("");
      rows.add(
          List.of(
              replica,
              replica.equals(chosen) ? "chosen" : c.path("rejected").asString(""),
              Format.millis(c.path("ttft_ms").asDouble(Double.NaN)),
              Format.millis(c.path("ttft_p90_ms").asDouble(Double.NaN)),
              Format.millis(c.path("tpot_ms").asDouble(Double.NaN)),
              Format.number(c.path("in_flight").asDouble(Double.NaN)),
              Format.number(c.path("waiting").asDouble(Double.NaN)),
              Format.number(c.path("prefix_tokens").asDouble(Double.NaN)),
              Format.number(c.path("weight").asDouble(Double.NaN)),
              c.path("circuit").asString("").toLowerCase(Locale.ROOT)));
    }
    return rows;
  }

  /** By which policy, for which name. */
  public String why() {
    JsonNode route = timeline.path("route");
    if (!route.path("policy").isString()) {
      return "It was not routed.";
    }
    String fallback = route.path("fallback_reason").asString("");
    return "Policy "
        + route.path("policy").asString("")
        + " chose "
        + route.path("chosen").asString("nobody")
        + " in "
        + Format.millis(route.path("ms").asDouble(0))
        + (fallback.isEmpty() ? "." : "; the model stood in for another: " + fallback + ".");
  }
}

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
    GATEWAY("gateway", "gateway"),
    QUEUE("queue", "queue"),
    NETWORK("network", "network"),
    COMPUTE("compute", "compute"),
    WAIT("waiting", "wait"),
    OFF_CPU("off-CPU", "off");

    private final String word;
    private final String style;

    Kind(String word, String style) {
      this.word = word;
      this.style = style;
    }

    String word() {
      return word;
    }

    String className() {
      return "sb-kind-" + style;
    }
  }

  /**
   * A line of the waterfall.
   *
   * @param computeMs of a rank, how much of it was compute; 0 for others
   * @param offCpuMs of a rank, how much of it it had no core; the rest it waited
   * @param deep whether it tells more of the one above it
   * @param sum whether it is made of pieces, drawn as one from where the first of them began
   * @param critical whether the wall time would be shorter if it were
   */
  public record Bar(
      String name,
      Kind kind,
      double startMs,
      double ms,
      double computeMs,
      double offCpuMs,
      boolean deep,
      boolean sum,
      boolean critical,
      String about) {
    Bar(String name, Kind kind, double startMs, double ms, String about) {
      this(name, kind, startMs, ms, 0, 0, false, false, false, about);
    }

    static Bar ofRank(
        String name,
        double startMs,
        double ms,
        double computeMs,
        double offCpuMs,
        boolean critical,
        String about) {
      double computed = Math.min(computeMs, ms);
      double off = Math.min(offCpuMs, ms - computed);
      return new Bar(name, Kind.WAIT, startMs, ms, computed, off, true, false, critical, about);
    }

    Bar onCriticalPath() {
      return new Bar(name, kind, startMs, ms, computeMs, offCpuMs, deep, sum, true, about);
    }

    Bar ofPieces(boolean is) {
      return new Bar(name, kind, startMs, ms, computeMs, offCpuMs, deep, is, critical, about);
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
    if (phase.endsWith("_off_cpu")) {
      return Kind.OFF_CPU;
    }
    if (phase.endsWith("_wait")
        || phase.endsWith("_transfer")
        || phase.endsWith("_neighbour_prefill")) {
      return Kind.WAIT;
    }
    boolean network =
        List.of("connect", "send", "client_flush", "detokenize_flush").contains(phase);
    return network || phase.contains("stall") || phase.startsWith("upstream_")
        ? Kind.NETWORK
        : Kind.GATEWAY;
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

  /** The phases where they began; they sum up to the wall time. */
  public List<Bar> phases() {
    List<Bar> bars = new ArrayList<>();
    PhaseStarts starts = new PhaseStarts(timeline);
    for (JsonNode phase : timeline.path("phases")) {
      String name = phase.path("phase").asString("");
      double ms = phase.path("ms").asDouble(0);
      boolean sum = starts.isSum(name);
      String share = Format.percent(Math.rint(1000 * phase.path("share").asDouble(0)) / 1000);
      String about = sum ? share + ", in pieces" : share;
      Bar bar = new Bar(words(name), kind(name), starts.next(name, ms), ms, about);
      bars.add(bar.ofPieces(sum));
    }
    return bars;
  }

  /** Attempts, and below each prefill and decode with a bar per stage and rank. */
  public List<Bar> lanes() {
    return attempts().bars();
  }

  Attempts attempts() {
    return new Attempts(timeline);
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

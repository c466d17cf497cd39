package dev.switchboard.console.requests;

import java.util.OptionalDouble;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * Where the phases of a request begin. Those of the gateway follow each other, the last of them up
 * to the end of the wall time. What is summed over the steps of prefill or decode has no time of
 * its own: it is drawn from where the first of these steps began, as their lanes are.
 */
final class PhaseStarts {
  private static final Set<String> LAST =
      Set.of("detokenize_flush", "client_stall", "client_flush");

  /** What may have been at any time. */
  private static final Set<String> ANYWHERE = Set.of("gateway_late", "unexplained");

  private final JsonNode timeline;
  private double passedMs;
  private double leftMs;

  PhaseStarts(JsonNode timeline) {
    this.timeline = timeline;
    for (JsonNode phase : timeline.path("phases")) {
      if (LAST.contains(phase.path("phase").asString(""))) {
        leftMs += phase.path("ms").asDouble(0);
      }
    }
  }

  /** Whether it is a sum without a time of its own. */
  boolean isSum(String phase) {
    boolean alternates = phase.equals("upstream_rest") || phase.equals("migration");
    return phase.startsWith("prefill_")
        || phase.startsWith("decode_")
        || ANYWHERE.contains(phase)
        || (alternates && timeline.path("migrations").asInt(0) > 0);
  }

  /** Of the next phase in the order of the timeline. */
  double next(String phase, double ms) {
    double start = known(phase).orElse(passedMs);
    passedMs += ms;
    if (LAST.contains(phase)) {
      start = Math.max(0, timeline.path("wall_ms").asDouble(0) - leftMs);
      leftMs -= ms;
    }
    return start;
  }

  private OptionalDouble known(String phase) {
    if (ANYWHERE.contains(phase)) {
      return OptionalDouble.of(0);
    }
    if (phase.equals("upstream_rest")) {
      return number(timeline.path("ttft_ms"));
    }
    if (phase.equals("migration")) {
      return cut();
    }
    return switch (phase.substring(0, Math.max(0, phase.indexOf('_')))) {
      case "prefill" -> number(timeline.path("prefill").path("start_ms"));
      case "decode" -> number(timeline.path("decode").path("start_ms"));
      default -> OptionalDouble.empty();
    };
  }

  /** When its stream was cut first. */
  private OptionalDouble cut() {
    for (JsonNode attempt : timeline.path("attempts")) {
      JsonNode cut = attempt.path("migration").path("cut_ms");
      if (cut.isNumber()) {
        return number(cut);
      }
    }
    return OptionalDouble.empty();
  }

  private static OptionalDouble number(JsonNode node) {
    return node.isNumber() ? OptionalDouble.of(node.asDouble(0)) : OptionalDouble.empty();
  }
}

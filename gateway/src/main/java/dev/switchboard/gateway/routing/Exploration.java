package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.routing.Decision.Candidate;
import java.util.List;

/**
 * Sends a bounded share of the requests where nobody goes any more, since who is avoided tells
 * nothing new. Pure: the draw comes from the request's turn.
 */
final class Exploration {
  /** What was learned of an idle replica is fresh for so long. */
  private static final double FRESH_NANOS = 2e9;

  private static final double SHARE = 1.0 / 32;

  /** The share rises with the age of what is known, up to so many times. */
  private static final double MOST_TIMES = 4;

  private Exploration() {}

  /**
   * The place of the candidate that this request is to find out about; −1 for none.
   *
   * @param open all of them can be chosen
   */
  static int choose(List<Candidate> open, RouteRequest request, long nowNanos) {
    int oldest = -1;
    long atNanos = Long.MAX_VALUE;
    for (int i = 0; i < open.size(); i++) {
      Candidate candidate = open.get(i);
      long learned = candidate.view().own().rates().atNanos();
      boolean known = learned != 0 && learned < atNanos;
      if (known && candidate.view().requests() == 0 && !misses(candidate, request)) {
        oldest = i;
        atNanos = learned;
      }
    }
    double age = (nowNanos - atNanos) / FRESH_NANOS;
    return oldest >= 0 && age > 1 && draw(request) < SHARE * Math.min(MOST_TIMES, age)
        ? oldest
        : -1;
  }

  /** A deadline that is missed would send it to another model. */
  private static boolean misses(Candidate candidate, RouteRequest request) {
    int deadlineMs = request.slo().deadlineMs();
    return deadlineMs > 0 && candidate.prediction().endMs() > deadlineMs - request.elapsedMs();
  }

  private static double draw(RouteRequest request) {
    return Scoring.unit(Scoring.mix(request.turn() + 0x9e3779b97f4a7c15L));
  }
}

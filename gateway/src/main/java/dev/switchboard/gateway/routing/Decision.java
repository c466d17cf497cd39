package dev.switchboard.gateway.routing;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a request goes, and why.
 *
 * @param chosen replica id; null when no candidate could take it
 * @param candidates every replica that was looked at
 */
public record Decision(String policy, @Nullable String chosen, List<Candidate> candidates) {
  public Decision {
    candidates = List.copyOf(candidates);
  }

  /**
   * One row of the candidate table.
   *
   * @param rejected why it could not be chosen; null when it could
   * @param score lower is better; NaN for a rejected one
   */
  public record Candidate(
      String replica,
      @Nullable String rejected,
      double score,
      int inFlight,
      int running,
      int waiting,
      long reportAgeMs) {}
}

package dev.switchboard.gateway.routing;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a request goes, and why.
 *
 * @param requested the name that the client asked for
 * @param model whose replicas were looked at
 * @param chosen replica id; null when no candidate could take it
 * @param candidates every replica that was looked at
 * @param shadow what another policy would have done
 * @param fallback why it is not the model that was first in line
 */
public record Decision(
    String policy,
    String requested,
    String model,
    @Nullable String chosen,
    List<Candidate> candidates,
    @Nullable Shadow shadow,
    @Nullable Fallback fallback) {
  public Decision {
    candidates = List.copyOf(candidates);
  }

  /** A decision of one policy about one model. */
  public static Decision of(
      String policy, String model, @Nullable String chosen, List<Candidate> candidates) {
    return new Decision(policy, model, model, chosen, candidates, null, null);
  }

  /** What a policy decided that only watches. */
  public record Shadow(String policy, @Nullable String chosen) {}

  /** A model stands in for another one. */
  public record Fallback(String from, String to, String reason) {}

  /**
   * One row of the candidate table.
   *
   * @param view the replica with everything that was known of it
   * @param rejected why it could not be chosen; null when it could
   * @param score lower is better; NaN for a rejected one
   * @param prefixTokens of the prompt that are expected in its cache
   */
  public record Candidate(
      ReplicaView view,
      @Nullable String rejected,
      double score,
      Prediction prediction,
      double prefixTokens) {

    public String replica() {
      return view.id();
    }

    /** Prompt tokens that it would have to compute. */
    public double computeTokens(RouteRequest request) {
      return Math.max(1, request.promptTokens() - prefixTokens);
    }

    Candidate withScore(double value) {
      return new Candidate(view, rejected, value, prediction, prefixTokens);
    }

    Candidate withRejected(String reason) {
      return new Candidate(view, reason, Double.NaN, prediction, prefixTokens);
    }
  }

  Decision withShadow(Decision other) {
    Shadow watched = new Shadow(other.policy, other.chosen);
    return new Decision(policy, requested, model, chosen, candidates, watched, fallback);
  }

  /** The same, for a model that stands in for another one. */
  public Decision withFallback(Fallback reason) {
    return new Decision(policy, requested, model, chosen, candidates, shadow, reason);
  }

  Decision withRequested(String name) {
    return new Decision(policy, name, model, chosen, candidates, shadow, fallback);
  }

  /** The row of the chosen replica; null when there is none. */
  public @Nullable Candidate winner() {
    for (Candidate candidate : candidates) {
      if (candidate.replica().equals(chosen)) {
        return candidate;
      }
    }
    return null;
  }

  /** Whether the chosen replica had more requests than any other that could have taken this one. */
  public boolean choseTheFullest() {
    Candidate winner = winner();
    boolean others = false;
    for (Candidate candidate : candidates) {
      if (candidate.rejected() == null && !candidate.replica().equals(chosen)) {
        others = true;
        if (winner == null || candidate.view().requests() >= winner.view().requests()) {
          return false;
        }
      }
    }
    return others;
  }

  /** Whether some replica was left out only because it has as much as it takes. */
  public boolean full() {
    for (Candidate candidate : candidates) {
      if (Scoring.FULL.equals(candidate.rejected())) {
        return true;
      }
    }
    return false;
  }

  /**
   * How much sooner than the first token came it could have come from another replica, as was known
   * when it was chosen; 0 when the choice was the best.
   *
   * @param ttftMs measured, from its being sent
   */
  public double regretMs(double ttftMs) {
    double best = ttftMs;
    for (Candidate candidate : candidates) {
      if (candidate.rejected() == null) {
        best = Math.min(best, candidate.prediction().ttftMs());
      }
    }
    Candidate winner = winner();
    return winner == null || winner.prediction().ttftMs() <= best ? 0 : ttftMs - best;
  }
}

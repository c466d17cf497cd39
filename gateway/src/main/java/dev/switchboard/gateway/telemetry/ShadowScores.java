package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.routing.Decision;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What the shadows of routes would have come to. Counted since the gateway began, or since the
 * route has another policy or shadow. What a shadow's choice would have taken is what was predicted
 * of it when the decision was made; nobody measures it. Safe on any thread.
 */
public final class ShadowScores {
  /** The policy's name where a shadow threw. */
  private static final String BROKEN = "broken";

  private final Map<String, Sums> routes = new ConcurrentHashMap<>();

  /**
   * What a route's shadow would have come to.
   *
   * @param policy that decides
   * @param shadow that watches
   * @param decisions of both
   * @param agreed on the same replica
   * @param broken because the shadow threw
   * @param samples requests of which both times to the first token are known: those whose first
   *     token was measured at the chosen replica and was predicted of both
   * @param measured means of what the chosen replicas took; NaN without samples
   * @param predicted of the same, when they were chosen
   * @param shadowed predicted of the shadow's choices
   * @param regretMs mean by which the shadow's choice was predicted to be sooner than what was
   *     measured; 0 of those where it was not predicted to be sooner than the chosen one
   */
  public record Score(
      String policy,
      String shadow,
      long decisions,
      long agreed,
      long broken,
      long samples,
      Times measured,
      Times predicted,
      Times shadowed,
      double regretMs) {}

  /** Means. */
  public record Times(double ttftMs, double tpotMs) {}

  private static final class Sums {
    private final String policy;
    private final String shadow;
    private long decisions;
    private long agreed;
    private long broken;
    private long samples;
    private long tokenSamples;
    private double measuredTtft;
    private double measuredTpot;
    private double predictedTtft;
    private double predictedTpot;
    private double shadowTtft;
    private double shadowTpot;
    private double regret;

    Sums(String policy, String shadow) {
      this.policy = policy;
      this.shadow = shadow;
    }

    boolean of(Decision decision, Decision.Shadow watched) {
      return policy.equals(decision.policy())
          && (shadow.equals(watched.policy()) || watched.policy().equals(BROKEN));
    }

    synchronized void decided(Decision decision, Decision.Shadow watched) {
      decisions++;
      if (watched.policy().equals(BROKEN)) {
        broken++;
      } else if (Objects.equals(watched.chosen(), decision.chosen())) {
        agreed++;
      }
    }

    synchronized void measured(
        Decision.Candidate chosen, Decision.Candidate other, double ttftMs, double tpotMs) {
      double theirs = chosen.prediction().ttftMs();
      double its = other.prediction().ttftMs();
      samples++;
      measuredTtft += ttftMs;
      predictedTtft += theirs;
      shadowTtft += its;
      regret += its < theirs ? Math.max(0, ttftMs - its) : 0;
      if (tpotMs > 0) {
        tokenSamples++;
        measuredTpot += tpotMs;
        predictedTpot += chosen.prediction().tpotMs();
        shadowTpot += other.prediction().tpotMs();
      }
    }

    synchronized Score score() {
      return new Score(
          policy,
          shadow,
          decisions,
          agreed,
          broken,
          samples,
          new Times(measuredTtft / samples, measuredTpot / tokenSamples),
          new Times(predictedTtft / samples, predictedTpot / tokenSamples),
          new Times(shadowTtft / samples, shadowTpot / tokenSamples),
          regret / samples);
    }
  }

  /** A decision was made; without a shadow it says nothing. */
  void decided(Decision decision) {
    Decision.Shadow watched = decision.shadow();
    if (watched != null) {
      Sums sums =
          routes.compute(
              decision.requested(),
              (route, known) ->
                  known != null && known.of(decision, watched)
                      ? known
                      : new Sums(decision.policy(), watched.policy()));
      sums.decided(decision, watched);
    }
  }

  /**
   * What came of a decision.
   *
   * @param ttftMs measured, from its being sent; not above 0 where there is none, as {@code tpotMs}
   */
  public void measured(Decision decision, double ttftMs, double tpotMs) {
    Decision.Shadow watched = decision.shadow();
    Sums sums = watched == null ? null : routes.get(decision.requested());
    Decision.Candidate chosen = decision.winner();
    Decision.Candidate other = watched == null ? null : row(decision, watched.chosen());
    if (watched != null
        && sums != null
        && chosen != null
        && other != null
        && ttftMs > 0
        && sums.of(decision, watched)) {
      sums.measured(chosen, other, ttftMs, tpotMs);
    }
  }

  /** Of a replica that could have been chosen. */
  private static Decision.@Nullable Candidate row(Decision decision, @Nullable String replica) {
    for (Decision.Candidate candidate : decision.candidates()) {
      if (candidate.replica().equals(replica) && candidate.rejected() == null) {
        return candidate;
      }
    }
    return null;
  }

  /** Of a route by its name; null where it has no shadow, or nothing was decided yet. */
  public @Nullable Score of(String route) {
    Sums sums = routes.get(route);
    return sums == null ? null : sums.score();
  }

  /** Forgets all but these routes. */
  public void only(Set<String> names) {
    routes.keySet().retainAll(names);
  }
}

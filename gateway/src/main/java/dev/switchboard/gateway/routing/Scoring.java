package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.routing.Decision.Candidate;
import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The part that all policies share: who can be chosen, what is predicted of each, and the choice by
 * lowest score. A policy only gives the scores.
 *
 * <p>Of equal scores the replica with the fewest requests wins, and of those one after the other,
 * by the request's turn. Where weights differ, each has its {@link WeightedShare} of the requests,
 * and the policy chooses among the replicas of one weight.
 *
 * <p>A session stays where it was, which is a preference and no fate. It goes elsewhere when that
 * replica is overloaded: has more than twice as much to do as the idlest one, and some; or late: is
 * expected to miss a target of the request that another one meets, or, where the request has none,
 * to take more than twice as long to its first token as the quickest one, and some.
 */
final class Scoring {
  static final String FULL = "has as many requests as it takes";
  static final String NOT_ITS_TURN = "the turn of another weight";

  private static final int OVERLOAD_REQUESTS = 4;
  private static final double OVERLOAD_RATIO = 2;
  private static final double LATE_MS = 2000;
  private static final double LATE_RATIO = 2;

  private Scoring() {}

  /** Fills in the scores of candidates that can be chosen; lower is better. */
  @FunctionalInterface
  interface Scores {
    /**
     * @param candidates all of them can be chosen; at least one
     * @param scores to fill, in the same order
     */
    void score(List<Candidate> candidates, RouteRequest request, double[] scores);
  }

  /**
   * Decides.
   *
   * @param tolerance by how much scores may differ and still be equal
   */
  static Decision decide(
      String policy,
      List<ReplicaView> replicas,
      RouteRequest request,
      long nowNanos,
      double tolerance,
      Scores policyScores) {
    List<Candidate> table = new ArrayList<>(replicas.size());
    List<Candidate> open = new ArrayList<>(replicas.size());
    Prompt prompt = request.prompt();
    for (ReplicaView replica : replicas) {
      if (replica.model().equals(request.model())) {
        Candidate candidate = candidate(replica, request, prompt, nowNanos);
        table.add(candidate);
        if (candidate.rejected() == null) {
          open.add(candidate);
        }
      }
    }
    if (open.isEmpty()) {
      return Decision.of(policy, request.model(), null, table);
    }
    List<Candidate> group = group(open, request);
    double[] scores = new double[group.size()];
    policyScores.score(group, request, scores);
    for (int i = 0; i < scores.length; i++) {
      // What a policy cannot say is worse than anything that it can; a replica there still is.
      scores[i] = Double.isNaN(scores[i]) ? Double.POSITIVE_INFINITY : scores[i];
    }
    String chosen = choose(group, request, scores, tolerance);
    fill(table, group.getFirst().view().weight(), scores);
    return Decision.of(policy, request.model(), chosen, table);
  }

  /** Gives those of the group their scores, and the others that could be chosen the reason. */
  private static void fill(List<Candidate> table, double weight, double[] scores) {
    int next = 0;
    for (int i = 0; i < table.size(); i++) {
      Candidate row = table.get(i);
      if (row.rejected() == null) {
        boolean inGroup = row.view().weight() == weight;
        table.set(i, inGroup ? row.withScore(scores[next++]) : row.withRejected(NOT_ITS_TURN));
      }
    }
  }

  /**
   * The replicas of one weight that the policy may choose from: those whose turn it is, or those of
   * a session's own weight where it stays.
   */
  private static List<Candidate> group(List<Candidate> open, RouteRequest request) {
    if (WeightedShare.alike(open)) {
      return open;
    }
    Candidate home = home(open, request);
    if (home != null) {
      List<Candidate> own = WeightedShare.of(open, home.view().weight());
      if (!overloaded(home, own) && !late(home, request, lateMs(open))) {
        return own;
      }
    }
    return WeightedShare.ofTurn(open, request.turn());
  }

  private static String choose(
      List<Candidate> open, RouteRequest request, double[] scores, double tolerance) {
    Candidate home = home(open, request);
    if (home == null || overloaded(home, open)) {
      return best(open, request, scores, tolerance);
    }
    double lateMs = lateMs(open);
    if (!late(home, request, lateMs)) {
      return home.replica();
    }
    List<Candidate> inTime = new ArrayList<>(open.size());
    double[] theirScores = new double[scores.length];
    for (int i = 0; i < scores.length; i++) {
      if (!late(open.get(i), request, lateMs)) {
        theirScores[inTime.size()] = scores[i];
        inTime.add(open.get(i));
      }
    }
    return inTime.isEmpty()
        ? home.replica()
        : best(inTime, request, Arrays.copyOf(theirScores, inTime.size()), tolerance);
  }

  /** Where its session was, if that replica can be chosen. */
  private static @Nullable Candidate home(List<Candidate> open, RouteRequest request) {
    for (Candidate candidate : open) {
      if (candidate.replica().equals(request.sticky())) {
        return candidate;
      }
    }
    return null;
  }

  /** A first token that takes longer than this is late, whatever a request asks for. */
  private static double lateMs(List<Candidate> open) {
    double least = Double.POSITIVE_INFINITY;
    for (Candidate candidate : open) {
      least = Math.min(least, candidate.prediction().ttftMs());
    }
    return LATE_RATIO * least + LATE_MS;
  }

  private static boolean late(Candidate candidate, RouteRequest request, double lateMs) {
    Slo slo = request.slo();
    Prediction predicted = candidate.prediction();
    return predicted.ttftMs() > (slo.ttftMs() > 0 ? slo.ttftMs() - request.elapsedMs() : lateMs)
        || (slo.tpotMs() > 0 && predicted.tpotMs() > slo.tpotMs())
        || (slo.deadlineMs() > 0 && predicted.endMs() > slo.deadlineMs() - request.elapsedMs());
  }

  private static String best(
      List<Candidate> open, RouteRequest request, double[] scores, double tolerance) {
    double best = Double.POSITIVE_INFINITY;
    for (double score : scores) {
      best = Math.min(best, score);
    }
    return tied(open, request, scores, best + tolerance);
  }

  /** Among those whose score is low enough one of the idlest, in turn. */
  private static String tied(
      List<Candidate> open, RouteRequest request, double[] scores, double most) {
    int fewest = Integer.MAX_VALUE;
    int ties = 0;
    for (int i = 0; i < scores.length; i++) {
      int requests = open.get(i).view().requests();
      if (scores[i] <= most && requests <= fewest) {
        ties = requests < fewest ? 1 : ties + 1;
        fewest = requests;
      }
    }
    long turn = Math.floorMod(request.turn(), (long) Math.max(1, ties));
    for (int i = 0; i < scores.length; i++) {
      int requests = open.get(i).view().requests();
      if (scores[i] <= most && requests == fewest && turn-- == 0) {
        return open.get(i).replica();
      }
    }
    throw new IllegalStateException("a policy gave no score");
  }

  static boolean overloaded(Candidate candidate, List<Candidate> open) {
    int least = Integer.MAX_VALUE;
    for (Candidate other : open) {
      least = Math.min(least, other.view().requests());
    }
    return candidate.view().requests() > OVERLOAD_RATIO * least + OVERLOAD_REQUESTS;
  }

  private static Candidate candidate(
      ReplicaView replica, RouteRequest request, Prompt prompt, long nowNanos) {
    String rejected = rejection(replica, request);
    Prediction prediction =
        replica.predict(prompt, request.outputTokens(), request.slo().priority(), nowNanos);
    return new Candidate(replica, rejected, Double.NaN, prediction, prompt.cachedAt(replica));
  }

  private static @Nullable String rejection(ReplicaView replica, RouteRequest request) {
    if (replica.routable() && request.excluded().contains(replica.id())) {
      return "already failed this request";
    }
    String refusal = replica.refusal();
    if (refusal != null) {
      return refusal;
    }
    boolean full = replica.maxConcurrency() > 0 && replica.inFlight() >= replica.maxConcurrency();
    return full ? FULL : null;
  }

  /** Spreads a number over all bits (the finaliser of SplitMix64). */
  static long mix(long value) {
    long bits = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
    bits = (bits ^ (bits >>> 27)) * 0x94d049bb133111ebL;
    return bits ^ (bits >>> 31);
  }

  /** A hash of a text, the same in every process. */
  static long hash(String text) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < text.length(); i++) {
      hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
    }
    return mix(hash);
  }

  /** A number from 0 to 1, exclusive, out of a hash. */
  static double unit(long hash) {
    return ((hash >>> 11) + 0.5) / (1L << 53);
  }
}

package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.routing.Decision.Candidate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a weight is under every policy: a share of the requests, whatever is to do anywhere.
 *
 * <p>Candidates of one weight are a group, whose share is the sum of its weights. Each request's
 * turn says which group it goes to, and the policy chooses within that one; so where all weights
 * are equal a policy is free. A candidate that cannot be chosen leaves its share to the others.
 *
 * <p>Turns are laid on the line of all shares as multiples of an irrational number. Of any sequence
 * of turns with a fixed step, each part of the line then gets its length of them, with an error
 * that grows with the logarithm of their number only, where a draw's grows with its root. It is a
 * function of the turn, so the same request is decided the same way again. Pure.
 */
final class WeightedShare {
  /** Fractions of the golden ratio and of the root of two, which no fraction relates. */
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private static final long ROOT_OF_TWO = 0x6a09e667f3bcc909L;

  private WeightedShare() {}

  /** Where a request's turn falls among the replicas of its model, from 0 to 1. */
  static double ofReplicas(long turn) {
    return Scoring.unit(turn * GOLDEN);
  }

  /** Where a number falls among the targets of a split, from 0 to 1. */
  static double ofTargets(long number) {
    return Scoring.unit(number * ROOT_OF_TWO);
  }

  /** Whether all have the same weight. */
  static boolean alike(List<Candidate> open) {
    double first = open.getFirst().view().weight();
    for (Candidate candidate : open) {
      if (candidate.view().weight() != first) {
        return false;
      }
    }
    return true;
  }

  /** Those of a weight, in their order. */
  static List<Candidate> of(List<Candidate> open, double weight) {
    List<Candidate> group = new ArrayList<>(open.size());
    for (Candidate candidate : open) {
      if (candidate.view().weight() == weight) {
        group.add(candidate);
      }
    }
    return group;
  }

  /** The group whose turn it is. */
  static List<Candidate> ofTurn(List<Candidate> open, long turn) {
    Map<Double, Double> shares = new TreeMap<>();
    double sum = 0;
    for (Candidate candidate : open) {
      shares.merge(candidate.view().weight(), candidate.view().weight(), Double::sum);
      sum += candidate.view().weight();
    }
    double place = ofReplicas(turn) * sum;
    double last = open.getLast().view().weight();
    for (Map.Entry<Double, Double> share : shares.entrySet()) {
      place -= share.getValue();
      last = share.getKey();
      if (place < 0) {
        break;
      }
    }
    return of(open, last);
  }
}

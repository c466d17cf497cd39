package dev.switchboard.gateway.routing;

import dev.switchboard.gateway.slo.Slo;
import java.util.List;
import java.util.Objects;

/**
 * When a request whose first token is late is sent to a second replica as well. Pure.
 *
 * <p>Late is measured by what was learned of the very replica for a request like this one, so a
 * long prompt or a full batch is not late for taking its time. A second copy is work that was not
 * asked for: it goes only to a replica that is expected to answer sooner than late, and never while
 * capacity is short.
 *
 * @param classes service classes whose streams may have a second copy; {@code *} for every class,
 *     none for no hedging
 * @param afterRatio late is so many times the time to the first token that nine of ten stay below
 * @param afterMs and no less than this
 */
public record HedgePolicy(List<String> classes, double afterRatio, int afterMs) {
  public static final HedgePolicy DEFAULTS = new HedgePolicy(List.of(), 1.5, 50);

  /** First tokens of a replica, or of its peers, before a prediction says what is late. */
  static final int EXPERIENCE = 16;

  private static final String EVERY = "*";

  public HedgePolicy {
    classes = List.copyOf(Objects.requireNonNull(classes, "classes is missing"));
    for (String each : classes) {
      if (!each.equals(EVERY) && !each.matches("[A-Za-z0-9._-]{1,64}")) {
        throw new IllegalArgumentException("classes must be names of service classes, or *");
      }
    }
    if (!(afterRatio >= 1 && afterRatio <= 100)) {
      throw new IllegalArgumentException("after-ratio must be 1 to 100");
    }
    if (afterMs < 1 || afterMs > 600_000) {
      throw new IllegalArgumentException("after-ms must be 1 to 600000");
    }
  }

  /** What becomes of a late request. */
  public enum Verdict {
    /** It is sent to the second replica, too. */
    SEND,
    /** There is none that could take it, or none that is expected to answer before its deadline. */
    NO_REPLICA,
    /** The others have enough to do. */
    OVERLOADED,
    /** A replica is being emptied, and the others take over what it did. */
    DRAINING
  }

  /** Whether requests of a class may have a second copy. */
  public boolean covers(String sloClass) {
    return !classes.isEmpty() && (classes.contains(sloClass) || classes.contains(EVERY));
  }

  /**
   * From when on, counted from its being sent, a request's first token is late.
   *
   * @param chosen the replica it is sent to
   * @return NaN where too little is known to say
   */
  public double lateAfterMs(Decision.Candidate chosen) {
    if (chosen.view().own().rates().samples() < EXPERIENCE) {
      return Double.NaN;
    }
    return Math.max(afterMs, afterRatio * chosen.prediction().ttftP90Ms());
  }

  /**
   * Judges the place for a second copy.
   *
   * @param second the decision that excludes the first replica
   * @param lateAfterMs as the first replica was given
   * @param elapsedMs since the request was accepted
   */
  public static Verdict judge(Decision second, double lateAfterMs, Slo slo, double elapsedMs) {
    for (Decision.Candidate candidate : second.candidates()) {
      if (candidate.view().state().equals("DRAINING")) {
        return Verdict.DRAINING;
      }
    }
    Decision.Candidate winner = second.winner();
    if (winner == null) {
      return second.full() ? Verdict.OVERLOADED : Verdict.NO_REPLICA;
    }
    if (winner.view().circuit() != ReplicaView.Circuit.CLOSED) {
      return Verdict.NO_REPLICA;
    }
    if (winner.view().own().overdueMs() > 0
        || winner.view().waiting() > 0
        || winner.prediction().ttftMs() > lateAfterMs) {
      return Verdict.OVERLOADED;
    }
    boolean hopeless =
        slo.deadlineMs() > 0 && elapsedMs + winner.prediction().ttftMs() > slo.deadlineMs();
    return hopeless ? Verdict.NO_REPLICA : Verdict.SEND;
  }
}

package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.PhaseBreakdown.Phase;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * Whether a receipt blames who is to blame: twelve causes of lateness, alone and in pairs, each
 * charged to its own phases within a tenth of the time that it cost.
 */
class AttributionSimulationTest {
  private static final long MS = 1_000_000;
  private static final int SEEDS = 50;

  /** Of a cause's length; and what clocks round, of which a short one has its share too. */
  private static final double SHARE = 0.1;

  private static final long ROUNDING = 15 * MS;

  private final Map<Run, LateRequest.Ended> runs = new HashMap<>();
  private int judged;

  /** Pairs of which only the sum of what both cost is judged. */
  private final Set<String> bySum = new TreeSet<>();

  private int pairs;

  private record Run(long seed, Set<Cause> causes, boolean foreign) {}

  @Test
  void eachOfTwelveCausesAloneIsChargedToItsPhase() {
    for (long seed = 1; seed <= SEEDS; seed++) {
      for (Cause cause : Cause.values()) {
        judge(seed, cause);
      }
    }

    assertEquals(SEEDS * Cause.values().length, judged);
  }

  /** Of 66 pairs one cannot be, and of some the two are in one phase or late at the same time. */
  @Test
  void eachOfAPairIsChargedToItsPhase() {
    for (long seed = 1; seed <= SEEDS; seed++) {
      for (Cause first : Cause.values()) {
        for (Cause second : Cause.values()) {
          if (first.compareTo(second) < 0 && together(first, second)) {
            pairs++;
            if (first == Cause.MIGRATION && second == Cause.COLD_PREFIX) {
              // What it computes again is what the move adds.
              pair(seed, second, first);
            } else {
              pair(seed, first, second);
            }
          }
        }
      }
    }

    assertEquals(SEEDS * 65, pairs);
    assertEquals(
        Set.of(
            "UPSTREAM_SLOW COLD_PREFIX",
            "UPSTREAM_SLOW NEIGHBOURS_PREFILL",
            "UPSTREAM_SLOW SLOW_RANK",
            "UPSTREAM_SLOW HOST_CONTENTION",
            "UPSTREAM_SLOW STOPPED_WORKER",
            "UPSTREAM_SLOW SLOW_READER",
            "MIGRATION SLOW_RANK",
            "SLOW_RANK HOST_CONTENTION",
            "HOST_CONTENTION STOPPED_WORKER"),
        bySum);
    assertEquals(2 * SEEDS * (65 - bySum.size()) + SEEDS * (bySum.size() + 1), judged);
  }

  /** A stream of a server that tells no timeline cannot move. */
  private static boolean together(Cause first, Cause second) {
    return !(first == Cause.UPSTREAM_SLOW && second == Cause.MIGRATION);
  }

  /**
   * Two that are late at the same time, of which either alone would be as late: ranks of one stage,
   * or a client that does not read what a server without timeline may not have sent. What both cost
   * is known, not whose it is.
   */
  private static boolean atOnce(Cause first, Cause second) {
    return (first == Cause.SLOW_RANK && second == Cause.HOST_CONTENTION)
        || (first == Cause.UPSTREAM_SLOW && second == Cause.SLOW_READER);
  }

  private void pair(long seed, Cause first, Cause second) {
    boolean foreign = first == Cause.UPSTREAM_SLOW || second == Cause.UPSTREAM_SLOW;
    LateRequest.Ended none = run(seed, Set.of(), foreign);
    LateRequest.Ended one = run(seed, Set.of(first), foreign);
    LateRequest.Ended other = run(seed, Set.of(second), foreign);
    LateRequest.Ended both = run(seed, Set.of(first, second), foreign);
    Set<Phase> ofFirst = phases(first, second);
    Set<Phase> ofSecond = phases(second, first);
    long firstLength = one.nanos() - none.nanos();
    long secondLength = both.nanos() - one.nanos();
    String what = "seed " + seed + ", " + first + " and " + second;
    if (Collections.disjoint(ofFirst, ofSecond) && !atOnce(first, second)) {
      within(what + ": " + first, firstLength, ofFirst, other, both);
      within(what + ": " + second, secondLength, ofSecond, one, both);
    } else {
      bySum.add(first + " " + second);
      if (first == Cause.UPSTREAM_SLOW && second == Cause.SLOW_READER) {
        within(what + ": " + first, firstLength, ofFirst, other, both);
      }
      Set<Phase> either = EnumSet.copyOf(ofFirst);
      either.addAll(ofSecond);
      within(what, firstLength + secondLength, either, none, both);
    }
  }

  private LateRequest.Ended run(long seed, Set<Cause> causes, boolean foreign) {
    return runs.computeIfAbsent(
        new Run(seed, causes, foreign), key -> LateRequest.run(seed, causes, foreign));
  }

  private void judge(long seed, Cause cause) {
    boolean foreign = cause == Cause.UPSTREAM_SLOW;
    LateRequest.Ended without = run(seed, Set.of(), foreign);
    LateRequest.Ended with = run(seed, Set.of(cause), foreign);
    within(
        "seed " + seed + ", " + cause,
        with.nanos() - without.nanos(),
        cause.phases(),
        without,
        with);
  }

  /** Where a cause's time goes when the other one is there too. */
  private static Set<Phase> phases(Cause cause, Cause other) {
    if (cause.ofEngine() && other == Cause.UPSTREAM_SLOW) {
      return Cause.UPSTREAM_SLOW.phases();
    }
    if (cause == Cause.COLD_PREFIX && other == Cause.MIGRATION) {
      // The timeline of the replica that computed it is lost with it.
      return EnumSet.of(Phase.UPSTREAM_FIRST);
    }
    if (cause == Cause.SLOW_RANK && other == Cause.MIGRATION) {
      // It is slow before the next byte, too.
      Set<Phase> found = EnumSet.of(Phase.MIGRATION);
      found.addAll(cause.phases());
      return found;
    }
    return cause.phases();
  }

  private void within(
      String what,
      long length,
      Set<Phase> phases,
      LateRequest.Ended without,
      LateRequest.Ended with) {
    judged++;
    long charged = with.nanos(phases) - without.nanos(phases);
    long allowed = Math.max((long) (SHARE * length), ROUNDING);
    assertTrue(
        Math.abs(charged - length) <= allowed,
        () -> what + " cost " + ms(length) + ", charged " + ms(charged) + " of " + told(with));
  }

  private static String ms(long nanos) {
    return nanos / MS + " ms";
  }

  private static String told(LateRequest.Ended ended) {
    List<String> phases = new ArrayList<>();
    for (PhaseBreakdown.Segment segment : ended.breakdown().segments()) {
      phases.add(segment.phase().label() + " " + ms(segment.nanos()));
    }
    ended
        .breakdown()
        .before()
        .forEach((phase, nanos) -> phases.add(phase.label() + " " + ms(nanos)));
    return phases.toString();
  }
}

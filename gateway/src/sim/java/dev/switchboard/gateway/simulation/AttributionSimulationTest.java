package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.explain.Culprit;
import dev.switchboard.gateway.explain.Explanation;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.PhaseBreakdown;
import dev.switchboard.gateway.flight.PhaseBreakdown.Phase;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
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

  /** One that stops before its first token is told apart no more than a prompt. */
  private static final String STOPPED_FOREIGN = "UPSTREAM_SLOW STOPPED_WORKER";

  private final Map<Run, LateRequest.Ended> runs = new HashMap<>();
  private int judged;

  /** Pairs of which only the sum of what both cost can be judged, and in how many of the seeds. */
  private final Map<String, Integer> bySum = new TreeMap<>();

  /** Pairs of which one cause, or a part of it, is judged beside the sum. */
  private final Set<String> partly = new TreeSet<>();

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

  /**
   * Of 66 pairs one cannot be. Of four more not all can be told: see {@link #bySum} and {@link
   * #partly}.
   */
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
        Map.of(
            "UPSTREAM_SLOW COLD_PREFIX",
            SEEDS,
            "SLOW_RANK HOST_CONTENTION",
            SEEDS,
            STOPPED_FOREIGN,
            1),
        bySum);
    assertEquals(Set.of("UPSTREAM_SLOW SLOW_READER", "MIGRATION SLOW_RANK"), partly);
  }

  /** A stream of a server that tells no timeline cannot move. */
  private static boolean together(Cause first, Cause second) {
    return !(first == Cause.UPSTREAM_SLOW && second == Cause.MIGRATION);
  }

  private void pair(long seed, Cause first, Cause second) {
    Pair pair = new Pair(seed, first, second);
    switch (first + " " + second) {
      case "UPSTREAM_SLOW SLOW_READER" -> beforeAReader(pair);
      case "MIGRATION SLOW_RANK" -> behindTheMove(pair);
      case "SLOW_RANK HOST_CONTENTION" -> atOnce(pair);
      case "HOST_CONTENTION STOPPED_WORKER" -> explained(pair);
      default -> apart(pair);
    }
  }

  private final class Pair {
    private final Cause first;
    private final Cause second;
    private final LateRequest.Ended none;
    private final LateRequest.Ended one;
    private final LateRequest.Ended other;
    private final LateRequest.Ended both;
    private final String what;

    Pair(long seed, Cause first, Cause second) {
      this.first = first;
      this.second = second;
      boolean foreign = first == Cause.UPSTREAM_SLOW || second == Cause.UPSTREAM_SLOW;
      none = run(seed, Set.of(), foreign);
      one = run(seed, Set.of(first), foreign);
      other = run(seed, Set.of(second), foreign);
      both = run(seed, Set.of(first, second), foreign);
      what = "seed " + seed + ", " + first + " and " + second;
    }

    String names() {
      return first + " " + second;
    }

    long firstLength() {
      return one.nanos() - none.nanos();
    }

    /** What it adds to the first one. */
    long secondLength() {
      return both.nanos() - one.nanos();
    }

    void firstIs(Set<Phase> phases) {
      within(what + ": " + first, firstLength(), phases, other, both);
    }

    void secondIs(Set<Phase> phases) {
      within(what + ": " + second, secondLength(), phases, one, both);
    }

    void sumIs(Set<Phase> phases) {
      within(what, firstLength() + secondLength(), phases, none, both);
    }
  }

  private void apart(Pair pair) {
    Set<Phase> ofFirst = phases(pair.first, pair.second);
    Set<Phase> ofSecond = phases(pair.second, pair.first);
    if (Collections.disjoint(ofFirst, ofSecond) && !stoppedBeforeTheFirstToken(pair)) {
      pair.firstIs(ofFirst);
      pair.secondIs(ofSecond);
    } else {
      // All that is known of such a server is when its first token came.
      bySum.merge(pair.names(), 1, Integer::sum);
      pair.sumIs(either(ofFirst, ofSecond));
    }
  }

  private static boolean stoppedBeforeTheFirstToken(Pair pair) {
    Set<Phase> before = EnumSet.of(Phase.UPSTREAM_FIRST);
    return pair.names().equals(STOPPED_FOREIGN)
        && pair.other.nanos(before) - pair.none.nanos(before) > ROUNDING;
  }

  /** Whether a server without timeline would have sent more while it was paused nobody knows. */
  private void beforeAReader(Pair pair) {
    partly.add(pair.names());
    pair.firstIs(pair.first.phases());
    pair.sumIs(either(pair.first.phases(), pair.second.phases()));
  }

  /** A rank that is slow before the next byte is part of the move. */
  private void behindTheMove(Pair pair) {
    partly.add(pair.names());
    long behind = behindTheMove(pair.both) - behindTheMove(pair.one);
    within(pair.what + ": behind the move", behind, pair.second.phases(), pair.one, pair.both);
    pair.sumIs(either(pair.first.phases(), pair.second.phases()));
  }

  private static long behindTheMove(LateRequest.Ended ended) {
    FlightRecord.Move move = ended.record().attempts().getLast().move();
    return ended.record().at(Flight.Mark.ENDED) - (move == null ? 0 : move.resumedNanos());
  }

  /**
   * Two ranks of a stage that are late in the same steps, of which either alone would be nearly as
   * late: what both cost is known, not whose it is.
   */
  private void atOnce(Pair pair) {
    bySum.merge(pair.names(), 1, Integer::sum);
    pair.sumIs(either(pair.first.phases(), pair.second.phases()));
  }

  /** One phase has both; which steps lost how much tells them apart. */
  private void explained(Pair pair) {
    explains(pair, pair.first, Culprit.HOST_CONTENTION, pair.firstLength());
    explains(pair, pair.second, Culprit.STOPPED_WORKER, pair.secondLength());
    pair.sumIs(either(pair.first.phases(), pair.second.phases()));
  }

  private void explains(Pair pair, Cause cause, Culprit culprit, long length) {
    judged++;
    Explanation told = Explanation.of(pair.both.record(), List.of(), List.of(), true);
    long charged = (long) (MS * told.charges().getOrDefault(culprit, 0.0));
    assertTrue(
        Math.abs(charged - length) <= allowed(length),
        () -> "%s: %s cost %s, explained as %s".formatted(pair.what, cause, ms(length), told));
  }

  private static Set<Phase> either(Set<Phase> first, Set<Phase> second) {
    Set<Phase> either = EnumSet.copyOf(first);
    either.addAll(second);
    return either;
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
    if (cause == Cause.UPSTREAM_SLOW && other.ofEngine()) {
      // Its tokens are all as much later.
      return EnumSet.of(Phase.UPSTREAM_FIRST);
    }
    if (cause.ofEngine() && other == Cause.UPSTREAM_SLOW) {
      boolean inPrompt = cause == Cause.COLD_PREFIX;
      return EnumSet.of(inPrompt ? Phase.UPSTREAM_FIRST : Phase.UPSTREAM_REST);
    }
    if (cause == Cause.COLD_PREFIX && other == Cause.MIGRATION) {
      // The timeline of the replica that computed it is lost with it.
      return EnumSet.of(Phase.UPSTREAM_FIRST);
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
    long charged = charged(phases, without, with);
    assertTrue(
        Math.abs(charged - length) <= allowed(length),
        () -> what + " cost " + ms(length) + ", charged " + ms(charged) + " of " + told(with));
  }

  private static long charged(
      Set<Phase> phases, LateRequest.Ended without, LateRequest.Ended with) {
    return with.nanos(phases) - without.nanos(phases);
  }

  private static long allowed(long length) {
    return Math.max((long) (SHARE * length), ROUNDING);
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

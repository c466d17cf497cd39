package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.fleet.InFlightDiff.Drift;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class InFlightDiffTest {
  private static final long SETTLED = InFlightDiff.SETTLE_NANOS;

  private final InFlightDiff diff = new InFlightDiff();

  @Test
  void whatOneSideAloneNamesForLongIsDrift() {
    compare(Set.of(1L, 2L), Set.of(2L, 3L), 0);

    Drift drift = compare(Set.of(1L, 2L), Set.of(2L, 3L), SETTLED);

    assertEquals(new Drift(List.of(3L), List.of(1L), 1, 1), drift);
  }

  @Test
  void whatTheWorkerHasUnderAnotherNameIsNoOrphan() {
    diff.compare(Set.of(), Set.of(5L), Set.of(5L), 0);

    assertEquals(Drift.NONE, diff.compare(Set.of(), Set.of(5L), Set.of(5L), SETTLED));
  }

  @Test
  void whatIsOnItsWayIsNoDrift() {
    compare(Set.of(1L), Set.of(), 0);
    compare(Set.of(1L), Set.of(1L), SETTLED - 1);

    assertEquals(Drift.NONE, compare(Set.of(), Set.of(1L), SETTLED));
  }

  @Test
  void anAgreementInBetweenBeginsTheTimeAnew() {
    compare(Set.of(1L), Set.of(), 0);
    diff.agree();

    assertEquals(Drift.NONE, compare(Set.of(1L), Set.of(), SETTLED));
  }

  @Test
  void whatStaysIsToldAgainButCountedOnce() {
    compare(Set.of(), Set.of(7L), 0);
    compare(Set.of(), Set.of(7L), SETTLED);

    assertEquals(
        new Drift(List.of(7L), List.of(), 0, 0), compare(Set.of(), Set.of(7L), SETTLED + 1));
  }

  /** Requests begin and end on both sides, each side up to a second late. */
  @Test
  void trafficAloneNeverDrifts() {
    Random random = new Random(3);
    long second = 1_000_000_000L;
    long[] begin = new long[400];
    long[] end = new long[begin.length];
    for (int i = 0; i < begin.length; i++) {
      begin[i] = Math.round(random.nextDouble() * 60 * second);
      end[i] = begin[i] + Math.round(random.nextDouble() * 20 * second);
    }

    for (long now = 0; now < 80 * second; now += second / 2) {
      Set<Long> here = new TreeSet<>();
      Set<Long> there = new TreeSet<>();
      for (int i = 0; i < begin.length; i++) {
        long late = random.nextLong(second);
        if (now >= begin[i] && now < end[i] + late) {
          here.add((long) i);
        }
        if (now >= begin[i] + late && now < end[i]) {
          there.add((long) i);
        }
      }

      assertEquals(Drift.NONE, compare(here, there, now));
    }
  }

  private Drift compare(Set<Long> believed, Set<Long> told, long now) {
    return diff.compare(believed, believed, told, now);
  }
}

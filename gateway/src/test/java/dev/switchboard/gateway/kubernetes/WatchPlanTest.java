package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.discovery.DiscoveryStatus.Trouble;
import dev.switchboard.gateway.kubernetes.WatchPlan.Next;
import dev.switchboard.gateway.kubernetes.WatchPlan.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WatchPlanTest {
  private static final long SECOND = 1_000_000_000L;

  private final WatchPlan course = new WatchPlan(() -> 1);

  @Test
  void aListLeadsToAWatchAtOnce() {
    assertEquals(new Next(Step.WATCH, 0), course.listed());
  }

  @Test
  void aWatchThatEndedInOrderGoesOnWhereItWas() {
    assertEquals(new Next(Step.WATCH, 0), course.ended(300 * SECOND));
  }

  @Test
  void aServerThatEndsWatchesAtOnceIsNotAskedInALoop() {
    assertEquals(new Next(Step.WATCH, 100), course.ended(SECOND));
    assertEquals(new Next(Step.WATCH, 200), course.ended(SECOND));
    assertEquals(new Next(Step.WATCH, 400), course.ended(SECOND));
  }

  @ParameterizedTest
  @CsvSource({
    "GONE, LIST, 0",
    "UNAUTHORIZED, WATCH, 0",
    "SILENT, WATCH, 0",
    "UNREACHABLE, WATCH, 100",
    "REFUSED, WATCH, 100",
    "FORBIDDEN, WATCH, 100",
    "NOT_FOUND, WATCH, 100",
    "MALFORMED, LIST, 100",
    "TOO_LARGE, LIST, 100",
    "STALE_LIST, LIST, 100"
  })
  void whatAWatchThatFailedDoesNext(Trouble why, Step step, long waitMs) {
    assertEquals(new Next(step, waitMs), course.failed(Step.WATCH, why, 0));
  }

  @Test
  void waitsDoubleUpToABoundAndBeginAnewWhenAllIsWell() {
    long last = 0;
    for (int i = 0; i < 30; i++) {
      long wait = course.failed(Step.LIST, Trouble.UNREACHABLE, 0).waitMs();
      assertTrue(wait >= last && wait <= WatchPlan.MOST_WAIT_MS, "wait " + wait);
      last = wait;
    }
    assertEquals(WatchPlan.MOST_WAIT_MS, last);

    course.heard();

    assertEquals(
        WatchPlan.FIRST_WAIT_MS, course.failed(Step.LIST, Trouble.UNREACHABLE, 0).waitMs());
  }

  @Test
  void whatIsGoneTwiceInARowWaits() {
    assertEquals(0, course.failed(Step.WATCH, Trouble.GONE, 0).waitMs());
    assertTrue(course.failed(Step.LIST, Trouble.GONE, 0).waitMs() > 0);
  }

  @Test
  void aServerThatSaysHowLongIsBelievedWithinBounds() {
    assertEquals(new Next(Step.LIST, 7000), course.failed(Step.LIST, Trouble.THROTTLED, 7000));
    assertEquals(60_000, course.failed(Step.LIST, Trouble.THROTTLED, 86_400_000).waitMs());
  }

  /** It asks for a second each time, and is busy all the same: so the waits grow, to the bound. */
  @Test
  void aServerThatStaysBusyIsAskedLessAndLessOften() {
    List<Long> waits = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      waits.add(course.failed(Step.WATCH, Trouble.THROTTLED, 1000).waitMs());
    }

    assertEquals(
        List.of(1000L, 1000L, 1000L, 1000L, 1600L, 3200L, 6400L, 12_800L, 25_600L, 30_000L),
        waits.subList(0, 10));
    assertEquals(Set.of(WatchPlan.MOST_WAIT_MS), Set.copyOf(waits.subList(10, 100)));
  }

  /** A minute at most, however often it says a day, and never less than it says below that. */
  @ParameterizedTest
  @CsvSource({"59000, 59000", "60000, 60000", "60001, 60000", "86400000, 60000", "-5, 100"})
  void whatABusyServerAsksForHasABoundToo(long retryAfterMs, long waitMs) {
    assertEquals(waitMs, course.failed(Step.LIST, Trouble.THROTTLED, retryAfterMs).waitMs());
    for (int i = 0; i < 50; i++) {
      long wait = course.failed(Step.LIST, Trouble.THROTTLED, retryAfterMs).waitMs();
      assertTrue(wait >= Math.min(60_000, retryAfterMs) && wait <= 60_000, () -> wait + " ms");
    }
  }

  @Test
  void waitsAreSpread() {
    assertEquals(50, new WatchPlan(() -> 0).failed(Step.LIST, Trouble.UNREACHABLE, 0).waitMs());
  }
}

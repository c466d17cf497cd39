package dev.switchboard.gateway.telemetry;

import static dev.switchboard.gateway.telemetry.TraceDetail.RANKS;
import static dev.switchboard.gateway.telemetry.TraceDetail.REQUEST;
import static dev.switchboard.gateway.telemetry.TraceDetail.STEPS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GovernorTest {
  private static final int CORES = 4;
  private static final int CALM_WINDOWS = 3;
  private static final long WINDOW_NANOS = 1_000_000_000;
  private static final Governor.Config CONFIG = new Governor.Config(1, 1000, CALM_WINDOWS);

  private final Governor governor = new Governor(CORES, 0, 0);
  private long now;
  private long spent;

  @Test
  void theShareIsThatOfAllCores() {
    assertEquals(0.0075, window(0.0075).share(), 1e-9);
    assertEquals(0, window(0).share());
  }

  @Test
  void eachWindowAboveTheLimitLowersByOneLevelDownToTheRequest() {
    assertEquals(List.of(RANKS, REQUEST, REQUEST), ceilings(0.011, 3));
  }

  @Test
  void belowTheLowestLevelFewerRequestsAreTold() {
    List<Double> told = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      told.add(window(0.011).told());
    }

    assertEquals(List.of(1.0, 1.0, 0.25, 0.0625, 0.015625, 0.015625, 0.015625), told);
  }

  @Test
  void moreAreToldBeforeTheLevelRises() {
    ceilings(0.011, 5);

    ceilings(0, CALM_WINDOWS);
    assertEquals(0.0625, governor.state().told());
    ceilings(0, CALM_WINDOWS);
    ceilings(0, CALM_WINDOWS);
    assertEquals(1, governor.state().told());
    assertEquals(REQUEST, governor.state().ceiling());
    ceilings(0, CALM_WINDOWS);
    assertEquals(RANKS, governor.state().ceiling());
  }

  @Test
  void theLimitItselfIsAllowed() {
    assertEquals(List.of(STEPS, STEPS), ceilings(0.01, 2));
  }

  @Test
  void onlyCalmWindowsInARowRaise() {
    ceilings(0.02, 2);

    assertEquals(List.of(REQUEST, REQUEST), ceilings(0.004, 2));
    assertEquals(List.of(REQUEST), ceilings(0.006, 1));
    assertEquals(List.of(REQUEST, REQUEST, RANKS), ceilings(0.004, 3));
    assertEquals(List.of(RANKS, RANKS, STEPS, STEPS), ceilings(0.004, 4));
  }

  @Test
  void aLevelThatWasTooMuchIsTriedAgainLaterEachTime() {
    ceilings(0.02, 2);
    assertEquals(CALM_WINDOWS, windowsUntilRaised());
    window(0.02);
    assertEquals(2 * CALM_WINDOWS, windowsUntilRaised());
    window(0.02);
    assertEquals(4 * CALM_WINDOWS, windowsUntilRaised());
  }

  @Test
  void patienceIsForgottenOnceARaisedLevelHeld() {
    ceilings(0.02, 2);
    windowsUntilRaised();
    window(0.02);
    windowsUntilRaised();
    windowsUntilRaised();
    ceilings(0, CALM_WINDOWS);
    ceilings(0.02, 2);

    assertEquals(CALM_WINDOWS, windowsUntilRaised());
  }

  @Test
  void theTimeOfTheChangeIsKept() {
    window(0);
    assertEquals(0, governor.state().sinceNanos());
    window(0.02);
    assertEquals(2 * WINDOW_NANOS, governor.state().sinceNanos());
    window(0.006);
    assertEquals(2 * WINDOW_NANOS, governor.state().sinceNanos());
  }

  @Test
  void withoutALimitNothingIsHeldBack() {
    ceilings(0.02, 2);

    now += WINDOW_NANOS;
    spent += WINDOW_NANOS;
    assertEquals(STEPS, governor.look(new Governor.Config(0, 1000, 1), now, spent).ceiling());
  }

  /** Whatever the load does, the level is one of three and moves by one at a time. */
  @Test
  void itMovesByOneLevelAndAgainstTheLoad() {
    Random random = new Random(5);
    TraceDetail before = STEPS;
    for (int i = 0; i < 100_000; i++) {
      double share =
          random.nextInt(3) == 0 ? random.nextDouble() * 0.02 : random.nextDouble() * 0.004;
      TraceDetail after = window(share).ceiling();
      int step = after.level() - before.level();
      assertTrue(Math.abs(step) <= 1 && after.level() >= 1, () -> step + " at " + share);
      assertTrue(step >= 0 || share > 0.01, () -> step + " at " + share);
      assertTrue(step <= 0 || share < 0.005, () -> step + " at " + share);
      before = after;
    }
  }

  @Test
  void settingsOutOfRangeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Governor.Config(-1, 1000, 1));
    assertThrows(IllegalArgumentException.class, () -> new Governor.Config(Double.NaN, 1000, 1));
    assertThrows(IllegalArgumentException.class, () -> new Governor.Config(1, 99, 1));
    assertThrows(IllegalArgumentException.class, () -> new Governor.Config(1, 1000, 0));
  }

  private List<TraceDetail> ceilings(double share, int windows) {
    List<TraceDetail> seen = new ArrayList<>();
    for (int i = 0; i < windows; i++) {
      seen.add(window(share).ceiling());
    }
    return seen;
  }

  private int windowsUntilRaised() {
    TraceDetail before = governor.state().ceiling();
    int windows = 0;
    do {
      windows++;
    } while (window(0).ceiling() == before);
    return windows;
  }

  private Governor.State window(double share) {
    now += WINDOW_NANOS;
    spent += Math.round(share * CORES * WINDOW_NANOS);
    return governor.look(CONFIG, now, spent);
  }
}

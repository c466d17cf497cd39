package dev.switchboard.gateway.telemetry;

import static dev.switchboard.gateway.telemetry.TraceDetail.RANKS;
import static dev.switchboard.gateway.telemetry.TraceDetail.REQUEST;
import static dev.switchboard.gateway.telemetry.TraceDetail.STEPS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.telemetry.Governor.Spent;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GovernorTest {
  private static final int CORES = 4;
  private static final int CALM_WINDOWS = Governor.Config.DEFAULTS.calmWindows();
  private static final long WINDOW_NANOS = 1_000_000_000;
  private static final Governor.Config CONFIG = Governor.Config.DEFAULTS;

  private final Governor governor = new Governor(CORES, 0, Spent.NOTHING);
  private long now;
  private long spent;

  @Test
  void theShareIsThatOfAllCores() {
    assertEquals(0.0075, window(0.0075).share(), 1e-9);
    assertEquals(0, window(0).share());
  }

  @Test
  void twoWindowsAboveTheLimitLowerByOneRungDownToAFewRequests() {
    List<String> seen = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      Governor.State state = window(0.011);
      seen.add(state.ceiling().level() + ":" + state.told());
    }

    assertEquals(
        List.of(
            "3:1.0",
            "2:1.0",
            "2:1.0",
            "1:1.0",
            "1:1.0",
            "1:0.25",
            "1:0.25",
            "1:0.0625",
            "1:0.0625",
            "1:0.015625",
            "1:0.015625",
            "1:0.015625"),
        seen);
  }

  @Test
  void aScrapeLowersNothing() {
    for (int i = 0; i < 100; i++) {
      assertEquals(STEPS, window(i % 5 == 0 ? 0.04 : 0.001).ceiling());
    }
  }

  @Test
  void burstsThatAreTooMuchTogetherLower() {
    List<TraceDetail> seen = new ArrayList<>();
    for (int i = 0; i < CALM_WINDOWS; i++) {
      seen.add(window(i % 2 == 0 ? 0.03 : 0).ceiling());
    }

    assertEquals(RANKS, seen.getLast());
  }

  @Test
  void theLimitItselfIsAllowed() {
    for (int i = 0; i < 20; i++) {
      assertEquals(STEPS, window(0.01).ceiling());
    }
  }

  /** Whatever it was, and however far down it went. */
  @Test
  void tenSecondsAfterALoadAllIsToldAgain() {
    for (int loaded = 2; loaded < 200; loaded++) {
      for (int i = 0; i < loaded; i++) {
        window(0.05);
      }
      // The load ends within a window.
      window(0.025);

      long ended = now;
      while (window(0.0001).ceiling() != STEPS || governor.state().told() != 1) {
        assertTrue(now - ended < 10 * WINDOW_NANOS, "after " + loaded + " windows");
      }
    }
  }

  @Test
  void aLoadThatIsJustTooHighForARungDoesNotMakeItFlap() {
    int changes = 0;
    TraceDetail before = STEPS;
    // Ranks take three times what requests alone do.
    for (int i = 0; i < 600; i++) {
      TraceDetail after = window(before == REQUEST ? 0.006 : 0.018).ceiling();
      changes += after == before ? 0 : 1;
      before = after;
    }

    assertEquals(2, changes);
  }

  @Test
  void whatARungTookIsForgottenAfterALongTimeOfLittleUse() {
    TraceDetail before = STEPS;
    for (int i = 0; i < 10; i++) {
      before = window(before == REQUEST ? 0.004 : 0.018).ceiling();
    }
    assertEquals(REQUEST, before);

    // The same load, whose ranks are cheap now.
    for (int i = 0; i < 60; i++) {
      window(0.004);
    }
    assertEquals(STEPS, governor.state().ceiling());
  }

  @Test
  void moreIsToldWhereThatIsAffordable() {
    TraceDetail before = STEPS;
    for (int i = 0; i < 10; i++) {
      before = window(before == REQUEST ? 0.009 : 0.018).ceiling();
    }
    assertEquals(REQUEST, before);

    // Twice of it fits below the limit now.
    for (int i = 0; i < CALM_WINDOWS; i++) {
      window(0.0039);
    }
    assertEquals(STEPS, governor.state().ceiling());
  }

  @Test
  void itSaysWhatWasTooMuchUntilNothingIsHeldBack() {
    window(0.02);
    assertNull(governor.state().why());
    window(0.03);
    window(0.001);

    Governor.Shares why = governor.state().why();
    assertNotNull(why);
    assertEquals(0.03, why.recording(), 1e-9);
    assertEquals(0.01, why.allowed(), 1e-9);
    for (int i = 0; i < CALM_WINDOWS; i++) {
      window(0);
    }
    assertNull(governor.state().why());
  }

  @Test
  void whatTelemetryTookIsKnownByPart() {
    now += WINDOW_NANOS;
    Governor.State state = governor.look(CONFIG, now, new Spent(4_000_000, 8_000_000, 12_000_000));

    assertEquals(0.001, state.shares().recording(), 1e-9);
    assertEquals(0.002, state.shares().scrapes(), 1e-9);
    assertEquals(0.003, state.shares().export(), 1e-9);
    assertEquals(0.006, state.share(), 1e-9);
  }

  @Test
  void theTimeOfTheChangeIsKept() {
    window(0);
    assertEquals(0, governor.state().sinceNanos());
    window(0.02);
    window(0.02);
    assertEquals(3 * WINDOW_NANOS, governor.state().sinceNanos());
    window(0.006);
    assertEquals(3 * WINDOW_NANOS, governor.state().sinceNanos());
  }

  @Test
  void withoutALimitNothingIsHeldBack() {
    window(0.02);
    window(0.02);
    assertEquals(RANKS, governor.state().ceiling());

    now += WINDOW_NANOS;
    spent += WINDOW_NANOS;
    assertEquals(
        STEPS,
        governor.look(new Governor.Config(0, 1000, 1), now, new Spent(spent, 0, 0)).ceiling());
  }

  /** Whatever the load does, it goes down by one rung at a time, and only where it was too high. */
  @Test
  void itGoesDownByOneRungAndOnlyAboveTheLimit() {
    Random random = new Random(5);
    Deque<Double> recent = new ArrayDeque<>(Collections.nCopies(CALM_WINDOWS, 0.0));
    Governor.State last = governor.state();
    for (int i = 0; i < 100_000; i++) {
      double share =
          random.nextInt(3) == 0 ? random.nextDouble() * 0.02 : random.nextDouble() * 0.004;
      recent.removeFirst();
      recent.addLast(share);
      Governor.State state = window(share);
      int step = state.ceiling().level() - last.ceiling().level();
      assertTrue(step >= -1 && state.ceiling().level() >= 1, () -> step + " at " + share);
      assertTrue(state.told() >= last.told() / 4, () -> step + " at " + share);
      boolean down = step < 0 || state.told() < last.told();
      assertTrue(!down || recent.stream().anyMatch(each -> each > 0.01), recent::toString);
      last = state;
    }
  }

  @Test
  void settingsOutOfRangeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Governor.Config(-1, 1000, 1));
    assertThrows(IllegalArgumentException.class, () -> new Governor.Config(Double.NaN, 1000, 1));
    assertThrows(IllegalArgumentException.class, () -> new Governor.Config(1, 99, 1));
    assertThrows(IllegalArgumentException.class, () -> new Governor.Config(1, 1000, 0));
  }

  private Governor.State window(double share) {
    now += WINDOW_NANOS;
    spent += Math.round(share * CORES * WINDOW_NANOS);
    return governor.look(CONFIG, now, new Spent(spent, 0, 0));
  }
}

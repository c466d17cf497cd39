package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TraceLevelsTest {
  private static final long NOW = 5_000_000_000L;

  private final TraceLevels levels = new TraceLevels(config(1, "lab"));

  private static TelemetryConfig config(int level, String... tenants) {
    return new TelemetryConfig(
        level, List.of(tenants), 2, 3, false, false, Governor.Config.DEFAULTS);
  }

  @Test
  void whatAnOperatorSetStandsOverTheConfigurationAndAModelsOverAll() {
    assertEquals(TraceDetail.REQUEST, levels.of("m"));

    assertNull(levels.general(TraceDetail.RANKS));
    assertNull(levels.model("m", TraceDetail.STEPS));

    assertEquals(TraceDetail.STEPS, levels.of("m"));
    assertEquals(TraceDetail.RANKS, levels.of("other"));
    assertEquals(Map.of("m", TraceDetail.STEPS), levels.models());
  }

  @Test
  void whatIsTakenBackSaysWhatItWas() {
    levels.general(TraceDetail.OFF);
    levels.model("m", TraceDetail.STEPS);

    assertEquals(TraceDetail.STEPS, levels.model("m", null));
    assertEquals(TraceDetail.OFF, levels.of("m"));
    assertEquals(TraceDetail.OFF, levels.general(null));
    assertEquals(TraceDetail.REQUEST, levels.of("m"));
    assertNull(levels.model("m", null));
  }

  @Test
  void aReloadChangesWhatNobodySet() {
    levels.model("m", TraceDetail.STEPS);

    levels.reconfigure(config(0));

    assertEquals(TraceDetail.OFF, levels.of("other"));
    assertEquals(TraceDetail.STEPS, levels.of("m"));
  }

  @Test
  void everybodyMayAskForLessAndSomeForMore() {
    assertEquals(TraceDetail.OFF, levels.of("m", "stranger", TraceDetail.OFF));
    assertEquals(TraceDetail.REQUEST, levels.of("m", "stranger", TraceDetail.STEPS));
    assertEquals(TraceDetail.REQUEST, levels.of("m", "lab", null));
    assertEquals(TraceDetail.STEPS, levels.of("m", "lab", TraceDetail.STEPS));
  }

  @Test
  void nothingGoesAboveTheCeiling() {
    levels.model("m", TraceDetail.STEPS);

    levels.ceiling(TraceDetail.REQUEST);

    assertEquals(TraceDetail.REQUEST, levels.of("m"));
    assertEquals(TraceDetail.REQUEST, levels.of("m", "lab", TraceDetail.STEPS));
    assertEquals(TraceDetail.OFF, levels.of("m", "lab", TraceDetail.OFF));
    levels.ceiling(null);
    assertEquals(TraceDetail.STEPS, levels.of("m"));
  }

  @Test
  void whatIsOfInterestIsToldInFullUnlessNothingIs() {
    assertEquals(TraceDetail.RANKS, levels.full(TraceDetail.REQUEST, false, NOW));
    assertEquals(TraceDetail.STEPS, levels.full(TraceDetail.REQUEST, true, NOW));
    assertEquals(TraceDetail.STEPS, levels.full(TraceDetail.STEPS, false, NOW));
    assertEquals(TraceDetail.OFF, levels.full(TraceDetail.OFF, true, NOW));
  }

  @Test
  void theCeilingIsNotForWhatIsOfInterest() {
    levels.model("m", TraceDetail.STEPS);

    levels.ceiling(TraceDetail.REQUEST);

    assertEquals(TraceDetail.RANKS, levels.full(TraceDetail.REQUEST, false, NOW));
    assertEquals(TraceDetail.STEPS, levels.full(TraceDetail.REQUEST, true, NOW));
    assertEquals(TraceDetail.STEPS, levels.wanted("m", "lab", null));
    assertEquals(TraceDetail.STEPS, levels.full(levels.wanted("m", "lab", null), false, NOW));
    assertEquals(TraceDetail.OFF, levels.full(levels.wanted("m", "x", TraceDetail.OFF), true, NOW));
  }

  @Test
  void exemplarsComeEvenlyAndKeptTracesMayComeAtOnce() {
    long now = NOW;

    assertTrue(levels.chooseExemplar(now));
    assertFalse(levels.chooseExemplar(now + 499_000_000));
    assertTrue(levels.chooseExemplar(now + 500_000_000));
    for (int i = 0; i < 3; i++) {
      assertTrue(levels.mayKeep(now));
    }
    assertFalse(levels.mayKeep(now));
    assertTrue(levels.mayKeep(now + 334_000_000));
    assertFalse(levels.mayKeep(now + 334_000_000));
  }

  @Test
  void aSecondHasTenExemplars() {
    TraceLevels defaults = new TraceLevels(TelemetryConfig.DEFAULTS);
    int chosen = 0;
    for (int ms = 0; ms < 1000; ms++) {
      chosen += defaults.chooseExemplar(ms * 1_000_000L) ? 1 : 0;
    }

    assertEquals(10, chosen);
  }

  @Test
  void noneIsChosenWhereNoneMayBe() {
    TraceLevels none =
        new TraceLevels(
            new TelemetryConfig(2, List.of(), 0, 0, false, false, Governor.Config.DEFAULTS));

    assertFalse(none.chooseExemplar(1));
    assertFalse(none.mayKeep(1));
  }

  @Test
  void levelsAreNumbersFromZeroToThree() {
    assertEquals(TraceDetail.RANKS, TraceDetail.of(2));
    assertThrows(IllegalArgumentException.class, () -> TraceDetail.of(4));
    assertThrows(IllegalArgumentException.class, () -> TraceDetail.of(-1));
  }
}

package dev.switchboard.gateway.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TraceLevelsTest {
  private final TraceLevels levels =
      new TraceLevels(new TelemetryConfig(1, List.of("lab"), Governor.Config.DEFAULTS));

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

    levels.reconfigure(new TelemetryConfig(0, List.of(), Governor.Config.DEFAULTS));

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
  void levelsAreNumbersFromZeroToThree() {
    assertEquals(TraceDetail.RANKS, TraceDetail.of(2));
    assertThrows(IllegalArgumentException.class, () -> TraceDetail.of(4));
    assertThrows(IllegalArgumentException.class, () -> TraceDetail.of(-1));
  }
}

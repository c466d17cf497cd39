package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EngineScriptTest {
  @Test
  void aStepCostsItsBaseItsSequencesAndItsPromptsDividedByTheSpeed() {
    assertEquals(40 + 3 + 5, EngineScript.parse("").stepMs(3, 100, 0), 1e-9);
    assertEquals(24, EngineScript.parse("speed=2").stepMs(3, 100, 0), 1e-9);
    assertEquals(
        10 + 6 + 50, EngineScript.parse("base=10,running=2,prompt=0.5").stepMs(3, 100, 0), 1e-9);
  }

  @Test
  void aColdStartSlowsTheFirstSecondsOnly() {
    EngineScript script = EngineScript.parse("cold=8x25");

    assertEquals(8 * 41, script.stepMs(1, 0, 24.9), 1e-9);
    assertEquals(41, script.stepMs(1, 0, 25), 1e-9);
  }

  @Test
  void aStallWithinAStepComesOnTopOfIt() {
    EngineScript script = EngineScript.parse("base=1000,running=0,stall=10+2,stall=12+1");

    assertEquals(10, script.stepEnd(1, 0, 9), 1e-9);
    assertEquals(13.5, script.stepEnd(1, 0, 9.5), 1e-9);
    assertEquals(14, script.stepEnd(1, 0, 11), 1e-9);
    assertEquals(14, script.stepEnd(1, 0, 13), 1e-9);
  }

  @Test
  void itIsGoneForAsLongAsItSays() {
    EngineScript script = EngineScript.parse("gone=20+5");

    assertFalse(script.gone(19.9));
    assertTrue(script.gone(20));
    assertFalse(script.gone(25));
    assertEquals(20, script.nextChange(0));
    assertEquals(25, script.nextChange(20));
    assertEquals(Double.POSITIVE_INFINITY, script.nextChange(25));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sped=2",
        "speed",
        "speed=fast",
        "speed=0",
        "speed=NaN",
        "cold=8",
        "stall=10+2,stall=11+2",
        "gone=-1+2",
        "gone=1+0",
        "batch=0"
      })
  void whatIsNoScriptIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> EngineScript.parse(text));
  }
}

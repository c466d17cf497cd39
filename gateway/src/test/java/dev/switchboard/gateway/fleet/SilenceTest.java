package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SilenceTest {
  private static final long PATIENCE = 100;

  @Test
  void oneThatIsSilentAloneIsLeft() {
    assertTrue(Silence.leave(2, 1, 0, PATIENCE, PATIENCE));
    assertTrue(Silence.leave(5, 2, 1, PATIENCE, PATIENCE));
  }

  @Test
  void whereMostAreQuietNobodyIsLeft() {
    assertFalse(Silence.leave(2, 2, 0, PATIENCE, PATIENCE));
    assertFalse(Silence.leave(3, 2, 0, PATIENCE, PATIENCE));
    assertFalse(Silence.leave(1, 1, 0, PATIENCE, PATIENCE));
  }

  @Test
  void neverMoreThanHalfAreOut() {
    assertTrue(Silence.leave(4, 2, 1, PATIENCE, PATIENCE));
    assertFalse(Silence.leave(4, 1, 2, PATIENCE, PATIENCE));
    assertFalse(Silence.leave(3, 1, 1, PATIENCE, PATIENCE));
  }

  @Test
  void aLongSilenceIsBelievedOfAll() {
    assertFalse(Silence.leave(1, 1, 0, Silence.LONG * PATIENCE - 1, PATIENCE));
    assertTrue(Silence.leave(1, 1, 0, Silence.LONG * PATIENCE, PATIENCE));
    assertTrue(Silence.leave(2, 2, 1, Silence.LONG * PATIENCE, PATIENCE));
  }
}

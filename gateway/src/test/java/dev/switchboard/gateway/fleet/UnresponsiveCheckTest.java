package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class UnresponsiveCheckTest {
  private static final long PATIENCE = 100;

  @Test
  void oneThatIsSilentAloneIsLeft() {
    assertTrue(UnresponsiveCheck.leave(2, 1, 0, PATIENCE, PATIENCE));
    assertTrue(UnresponsiveCheck.leave(5, 2, 1, PATIENCE, PATIENCE));
  }

  @Test
  void whereMostAreQuietNobodyIsLeft() {
    assertFalse(UnresponsiveCheck.leave(2, 2, 0, PATIENCE, PATIENCE));
    assertFalse(UnresponsiveCheck.leave(3, 2, 0, PATIENCE, PATIENCE));
    assertFalse(UnresponsiveCheck.leave(1, 1, 0, PATIENCE, PATIENCE));
  }

  @Test
  void neverMoreThanHalfAreOut() {
    assertTrue(UnresponsiveCheck.leave(4, 2, 1, PATIENCE, PATIENCE));
    assertFalse(UnresponsiveCheck.leave(4, 1, 2, PATIENCE, PATIENCE));
    assertFalse(UnresponsiveCheck.leave(3, 1, 1, PATIENCE, PATIENCE));
  }

  @Test
  void aLongSilenceIsBelievedOfAll() {
    assertFalse(UnresponsiveCheck.leave(1, 1, 0, UnresponsiveCheck.LONG * PATIENCE - 1, PATIENCE));
    assertTrue(UnresponsiveCheck.leave(1, 1, 0, UnresponsiveCheck.LONG * PATIENCE, PATIENCE));
    assertTrue(UnresponsiveCheck.leave(2, 2, 1, UnresponsiveCheck.LONG * PATIENCE, PATIENCE));
  }
}

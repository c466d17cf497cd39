package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

class PromisesTest {
  private static final long SECOND = 1_000_000_000L;

  private final Promises promises = new Promises();

  private void told(long key, int seconds) {
    promises.add(key, Band.NORMAL, 0, seconds * SECOND);
  }

  @Test
  void ofThoseWhoAskTheSameTheFirstToBeDueIsServed() {
    told(1, 40);
    told(1, 10);

    assertNotNull(promises.redeem(1, 10 * SECOND));
    assertNull(promises.redeem(1, 39 * SECOND));
    assertNotNull(promises.redeem(1, 40 * SECOND));
    assertEquals(0, promises.size());
  }

  @Test
  void whoComesTooLateIsANewcomer() {
    told(1, 10);

    assertNull(promises.redeem(1, 14 * SECOND));
    assertEquals(0, promises.size());
  }

  @Test
  void placesAreKeptAgainOnceSomebodyComesAsTold() {
    told(1, 10);
    told(2, 20);
    told(3, 30);

    assertEquals(1, promises.due(10 * SECOND, 10 * SECOND, 1));
    assertEquals(0, promises.due(10 * SECOND, 14 * SECOND, 1));
    assertEquals(2, promises.due(20 * SECOND, 14 * SECOND, 2));
    assertNotNull(promises.redeem(2, 20 * SECOND));
    assertEquals(1, promises.due(10 * SECOND, 20 * SECOND, 1));
  }
}

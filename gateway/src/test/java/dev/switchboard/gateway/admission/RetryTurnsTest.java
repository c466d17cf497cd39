package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

class RetryTurnsTest {
  private static final long SECOND = 1_000_000_000L;

  private final RetryTurns promises = new RetryTurns();

  private void told(long key, int seconds) {
    promises.add(new Asker(key, 1), Band.NORMAL, 0, seconds * SECOND);
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

  @Test
  void oneClientLeavesRoomForWhoeverComes() {
    int first = fill(1);
    int second = fill(2);
    int third = fill(3);

    assertEquals(RetryTurns.MOST / 2, first);
    assertEquals(RetryTurns.MOST / 4, second);
    assertEquals(RetryTurns.MOST / 8, third);
  }

  private int fill(long client) {
    int added = 0;
    while (promises.add(new Asker(client * RetryTurns.MOST + added, client), Band.NORMAL, 0, 1)) {
      added++;
    }
    return added;
  }

  @Test
  void othersCountOnlyAsIfClientsTookTurns() {
    Asker hasty = new Asker(1, 1);
    Asker patient = new Asker(2, 2);
    for (int i = 0; i < 100; i++) {
      promises.add(hasty, Band.NORMAL, 0, SECOND);
    }
    promises.add(patient, Band.NORMAL, 0, SECOND);

    assertEquals(101, promises.before(Band.NORMAL, hasty));
    assertEquals(3, promises.before(Band.NORMAL, patient));
    assertEquals(2, promises.before(Band.NORMAL, new Asker(3, 3)));
    assertEquals(101, promises.before(Band.SHEDDABLE, new Asker(3, 3)));
    assertEquals(0, promises.before(Band.HIGH, hasty));
  }
}

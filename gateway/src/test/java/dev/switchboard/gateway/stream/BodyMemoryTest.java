package dev.switchboard.gateway.stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BodyMemoryTest {
  private static final int SMALL = BodyMemory.SMALL_BYTES;
  private static final int LIMIT = 8 * SMALL;

  private static final long MS = 1_000_000;

  private long now;
  private final BodyMemory memory = new BodyMemory(LIMIT, () -> now);

  @Test
  void largeBodiesShareThreeQuartersAndSmallOnesAll() {
    BodyMemory.Share first = memory.open();
    BodyMemory.Share second = memory.open();
    BodyMemory.Share small = memory.open();

    assertTrue(first.take(3 * SMALL));
    assertTrue(second.take(3 * SMALL));
    assertFalse(second.take(1));
    assertFalse(memory.open().fits(SMALL + 1));
    assertTrue(small.take(SMALL));
    assertTrue(memory.open().take(SMALL));
    assertFalse(memory.open().fits(1));
    assertEquals(LIMIT, memory.held());
  }

  @Test
  void whatIsRefusedTakesNothing() {
    BodyMemory.Share other = memory.open();
    BodyMemory.Share refused = memory.open();
    other.take(5 * SMALL);

    assertTrue(refused.take(SMALL));
    assertFalse(refused.take(SMALL));
    assertEquals(6 * SMALL, memory.held());
    refused.close();
    assertEquals(5 * SMALL, memory.held());
  }

  @Test
  void whoIsAloneMayPassTheLimit() {
    BodyMemory.Share alone = memory.open();

    assertTrue(alone.take(LIMIT));
    assertTrue(alone.take(LIMIT));
    assertFalse(memory.open().take(1));
    alone.close();
    assertTrue(memory.open().take(1));
  }

  @Test
  void whatIsOverHoldsAndTakesNothingMore() {
    BodyMemory.Share over = memory.open();
    over.take(SMALL);

    over.close();
    over.close();

    assertFalse(over.take(1));
    assertEquals(0, memory.held());
  }

  @Test
  void manyThreadsTogetherStayBelowTheLimit() {
    List<BodyMemory.Share> all =
        IntStream.range(0, 1000)
            .parallel()
            .mapToObj(
                number -> {
                  BodyMemory.Share share = memory.open();
                  for (int piece = 0; piece < 64 && share.take(SMALL / 64); piece++) {
                    assertTrue(memory.held() <= LIMIT);
                  }
                  return share;
                })
            .toList();

    assertTrue(memory.held() > LIMIT - SMALL / 64);
    all.forEach(BodyMemory.Share::close);
    assertEquals(0, memory.held());
  }

  @Test
  void nobodyKnowsHowLongItTakesBeforeSomethingWasLetGo() {
    memory.open().take(6 * SMALL);

    assertEquals(new BodyMemory.Wait(-1, -1), memory.open().untilRoom(2 * SMALL));
  }

  /**
   * Bytes are held for 100 ms, so all that are held are gone after so long, and half after half.
   */
  @Test
  void theWaitIsWhatMustGoByHowFastBytesWereLetGo() {
    for (int i = 0; i < 20; i++) {
      BodyMemory.Share share = memory.open();
      assertTrue(share.take(3 * SMALL));
      now += 100 * MS;
      share.close();
    }
    // An idle time says nothing of how fast a full memory empties.
    now += 3_600_000 * MS;
    memory.open().take(3 * SMALL);
    memory.open().take(3 * SMALL);

    BodyMemory.Wait half = memory.open().untilRoom(3 * SMALL);
    BodyMemory.Wait all = memory.open().untilRoom(6 * SMALL);
    BodyMemory.Wait more = memory.open().untilRoom(100 * SMALL);

    // Two bodies must go, or one: quantiles of a gamma distribution of that shape.
    assertEquals(100 * 0.842, all.p50Nanos() / (double) MS, 1);
    assertEquals(50 * 0.702, half.p50Nanos() / (double) MS, 1);
    assertEquals(50 * 2.28, half.p90Nanos() / (double) MS, 1);
    assertEquals(all, more);
  }

  @Test
  void whatIsHeldLongerNowIsWaitedForLonger() {
    hold(20, 10);
    memory.open().take(6 * SMALL);
    long quick = memory.open().untilRoom(6 * SMALL).p50Nanos();

    hold(200, 1000);

    long slow = memory.open().untilRoom(6 * SMALL).p50Nanos();
    assertTrue(slow > 50 * quick, quick + " " + slow);
  }

  private void hold(int bodies, long ms) {
    for (int i = 0; i < bodies; i++) {
      BodyMemory.Share share = memory.open();
      assertTrue(share.take(SMALL));
      now += ms * MS;
      share.close();
    }
  }
}

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

  private final BodyMemory memory = new BodyMemory(LIMIT);

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
}

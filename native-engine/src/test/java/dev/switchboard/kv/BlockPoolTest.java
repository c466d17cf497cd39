package dev.switchboard.kv;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BlockPoolTest {
  private static final int[] CONTENTS = {1, 2, 3, 4};

  @Test
  void givesEveryBlockOnceAndThenNone() {
    BlockPool pool = new BlockPool(3, 4);

    assertEquals(
        3, List.of(pool.allocate(), pool.allocate(), pool.allocate()).stream().distinct().count());
    assertEquals(-1, pool.allocate());
    pool.check();
  }

  @Test
  void findsAPublishedBlockUntilItIsTakenAgain() {
    BlockPool pool = new BlockPool(1, 4);
    int block = pool.allocate();
    pool.publish(block, 7, 8, CONTENTS, 0);
    pool.release(block);

    assertEquals(block, pool.find(7, 8, CONTENTS, 0));
    assertEquals(1, pool.cached());
    assertEquals(0, pool.evictions());
    assertEquals(block, pool.allocate());
    assertEquals(1, pool.evictions());
    assertEquals(-1, pool.find(7, 8, CONTENTS, 0));
    pool.check();
  }

  @Test
  void refusesAnEqualHashWithOtherTokens() {
    BlockPool pool = new BlockPool(1, 4);
    pool.publish(pool.allocate(), 7, 8, CONTENTS, 0);

    assertEquals(-1, pool.find(7, 8, new int[] {1, 2, 3, 5}, 0));
  }

  @Test
  void takesFreeBlocksBeforeCachedOnesAndTheOldestCachedFirst() {
    BlockPool pool = new BlockPool(3, 4);
    int old = pool.allocate();
    int young = pool.allocate();
    int plain = pool.allocate();
    pool.publish(old, 1, 1, CONTENTS, 0);
    pool.publish(young, 2, 2, CONTENTS, 0);
    pool.release(old);
    pool.release(young);
    pool.release(plain);

    assertEquals(plain, pool.allocate());
    assertEquals(old, pool.allocate());
    assertEquals(young, pool.allocate());
  }

  @Test
  void refusesToReleaseWhatNobodyUses() {
    BlockPool pool = new BlockPool(1, 4);

    assertThrows(IllegalStateException.class, () -> pool.release(0));
    assertThrows(IllegalStateException.class, () -> pool.retain(0));
  }

  /**
   * Random operations beside a plain model: reference counts in a list, published hashes in a map.
   */
  @Test
  void behavesLikeItsModel() {
    for (long seed = 0; seed < 200; seed++) {
      new Model(seed).run(400);
    }
  }

  private static final class Model {
    private final Random random;
    private final BlockPool pool;
    private final List<Integer> held = new ArrayList<>();
    private final Map<Long, Integer> published = new HashMap<>();

    Model(long seed) {
      random = new Random(seed);
      pool = new BlockPool(1 + random.nextInt(20), 4);
    }

    void run(int operations) {
      for (int i = 0; i < operations; i++) {
        switch (random.nextInt(4)) {
          case 0 -> allocate();
          case 1 -> release();
          case 2 -> publish();
          default -> reuse();
        }
        pool.check();
        assertEquals(held.stream().distinct().count(), pool.used());
      }
    }

    private void allocate() {
      int block = pool.allocate();
      assertEquals(block < 0, held.stream().distinct().count() == pool.total());
      if (block >= 0) {
        assertTrue(!held.contains(block), "a used block was given away");
        published.values().removeIf(b -> b == block);
        held.add(block);
      }
    }

    private void release() {
      if (!held.isEmpty()) {
        int index = random.nextInt(held.size());
        pool.release(held.get(index));
        held.subList(index, index + 1).clear();
      }
    }

    /** Hashes are drawn from few values, so that table runs collide and wrap. */
    private void publish() {
      if (held.isEmpty()) {
        return;
      }
      int block = held.get(random.nextInt(held.size()));
      long hash = random.nextInt(40);
      if (!published.containsValue(block) && !published.containsKey(hash)) {
        published.put(hash, block);
      } else if (!published.containsKey(hash)) {
        return;
      }
      pool.publish(block, hash, hash % 8, tokens(hash), 0);
    }

    private void reuse() {
      long hash = random.nextInt(40);
      int block = pool.find(hash, hash % 8, tokens(hash), 0);
      assertEquals(published.getOrDefault(hash, -1), block);
      if (block >= 0) {
        pool.retain(block);
        held.add(block);
      }
    }

    private static int[] tokens(long hash) {
      return new int[] {(int) hash, 1, 2, 3};
    }
  }
}

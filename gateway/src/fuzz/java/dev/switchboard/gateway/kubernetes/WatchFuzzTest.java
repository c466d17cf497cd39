package dev.switchboard.gateway.kubernetes;

import dev.switchboard.testing.Await;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever happens to objects, connections and revisions, in the end the watch knows what is. Where
 * events are told in another order, which no server does, and the connection breaks in between,
 * that takes the next list of everything.
 */
class WatchFuzzTest {
  private static final int OPERATIONS = 120;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void theViewConvergesToTheServers(long seed) throws Exception {
    Random random = new Random(seed);
    boolean reordered = seed % 2 == 0;
    long resyncMs = reordered ? 2000 : 600_000;
    try (WatchedPods pods =
        new WatchedPods(Path.of("none"), 60_000, resyncMs).start().awaitWatching()) {
      for (int i = 0; i < OPERATIONS; i++) {
        operate(pods, random, reordered);
        if (random.nextInt(3) == 0) {
          // Else waits that double would keep the watch from most of what is done next.
          Await.until("a watch", () -> pods.server.watches() > 0);
          pods.server.bookmark();
        }
      }
      pods.server.release(random);
      pods.put("last");

      pods.awaitTruth();
    }
  }

  private static void operate(WatchedPods pods, Random random, boolean reordered) {
    String name = "p" + random.nextInt(12);
    int operation = random.nextInt(20);
    if ((operation == 2 || operation == 7) && pods.server.troubles() > 0) {
      return;
    }
    switch (operation) {
      case 0 -> pods.server.drop();
      case 1 -> pods.server.compact(random.nextBoolean());
      case 2 -> pods.server.refuse(random.nextBoolean() ? 429 : 503, "Retry-After", "0");
      case 3 -> pods.server.end();
      case 4 -> pods.server.send("{\"type\":\"MODIFIED\",\"object\":{\"met");
      case 5 -> {
        if (reordered) {
          pods.server.hold();
        }
      }
      case 6 -> pods.server.release(random);
      case 7 -> pods.server.refuse(500, "X-A", "b");
      case 8 -> pods.server.bookmark();
      case 9, 10, 11, 12, 13 -> pods.delete(name);
      default -> pods.put(name);
    }
  }
}

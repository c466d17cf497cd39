package dev.switchboard.console.live;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RingTest {
  private static final float NONE = Float.NaN;

  @Test
  void whatNeverCameIsNoNumber() {
    Ring ring = new Ring();

    ring.add(100, Map.of("a", 1f));
    ring.add(110, Map.of("a", 3f));

    assertArrayEquals(new float[] {1, NONE, 3}, ring.last("a", 3));
    assertArrayEquals(new float[] {NONE, NONE}, ring.last("b", 2));
  }

  @Test
  void keepsAnHourAndForgetsWhatIsOlder() {
    Ring ring = new Ring();
    for (int i = 0; i <= Ring.SLOTS; i++) {
      ring.add(i * 5L, Map.of("a", (float) i));
    }

    float[] all = ring.last("a", Ring.SLOTS);

    assertEquals(1f, all[0]);
    assertEquals(Ring.SLOTS, all[Ring.SLOTS - 1]);
  }

  @Test
  void aPauseLeavesAGapAndNoOldPoints() {
    Ring ring = new Ring();
    ring.add(0, Map.of("a", 1f, "gone", 1f));

    ring.add(2 * Ring.SLOTS * 5L, Map.of("a", 2f));

    assertEquals(1, count(ring.last("a", Ring.SLOTS)));
    assertEquals(java.util.Set.of("a"), ring.names());
  }

  private static int count(float[] points) {
    int count = 0;
    for (float point : points) {
      count += Float.isNaN(point) ? 0 : 1;
    }
    return count;
  }

  @Test
  void newSeriesAboveTheLimitAreLeftOutAndCounted() {
    Ring ring = new Ring();
    Map<String, Float> many = new HashMap<>();
    for (int i = 0; i < Ring.SERIES_MAX + 5; i++) {
      many.put("s" + i, 1f);
    }

    ring.add(0, many);

    assertEquals(Ring.SERIES_MAX, ring.names().size());
    assertEquals(5, ring.leftOut());
  }

  @Test
  void isTheSameAfterItWasWrittenAndRead(@TempDir Path folder) throws IOException {
    Ring ring = new Ring();
    ring.add(1000, Map.of("a", 1f, "b", 2f));
    ring.add(1005, Map.of("a", 4f));
    Path file = folder.resolve("ring.bin");

    ring.write(file);
    Ring read = Ring.read(file);

    assertArrayEquals(ring.last("a", 10), read.last("a", 10));
    assertEquals(1005, read.newestSeconds());
    assertEquals(ring.names(), read.names());
  }

  @Test
  void aFileThatIsNoRingIsRefused(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("ring.bin"), "something else that is long enough");

    IOException failure = assertThrows(IOException.class, () -> Ring.read(file));

    assertTrue(String.valueOf(failure.getMessage()).contains("is no ring"));
  }

  @Test
  void ranksLeaveRoomForAllElse() {
    Map<String, Float> ranks = new HashMap<>();
    for (int i = 0; i < Ring.SERIES_MAX; i++) {
      ranks.put(Series.rank("w" + i, "0", "0", "score"), 1f);
    }
    Ring ring = new Ring();
    ring.add(5, ranks);

    ring.add(10, Map.of(Series.model("m", "requests"), 7f));

    assertEquals(7f, ring.latest(Series.model("m", "requests")));
    assertEquals(Ring.RANK_SERIES_MAX + 1, ring.names().size());
  }
}

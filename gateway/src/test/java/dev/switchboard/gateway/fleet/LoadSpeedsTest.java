package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class LoadSpeedsTest {
  private static final Path SMALL = Path.of("small.gguf");
  private static final Path LARGE = Path.of("large.gguf");

  @Test
  void anotherFileIsReadAsFastAsTheLastWas() {
    LoadSpeeds speeds = new LoadSpeeds();
    assertNull(speeds.forecastMs(SMALL, 1000));

    speeds.measured(SMALL, 1000, 700, 50);

    assertEquals(750L, speeds.forecastMs(SMALL, 1000));
    assertEquals(700L + 500, speeds.forecastMs(LARGE, 10_000));
  }

  @Test
  void theSameFileTakesAsLongAsItDid() {
    LoadSpeeds speeds = new LoadSpeeds();

    speeds.measured(LARGE, 10_000, 700, 900);
    speeds.measured(SMALL, 1000, 600, 10);

    assertEquals(1600L, speeds.forecastMs(LARGE, 10_000));
  }
}

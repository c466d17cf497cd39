package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Four pods that are ready since the gateway began to look, at second 0. */
class ReadyLevelTest {
  private static final long SECOND = 1000;

  private final ReadyLevel level = new ReadyLevel(0);

  @BeforeEach
  void found() {
    for (int ready = 1; ready <= 4; ready++) {
      level.see(ready, 0);
    }
  }

  @Test
  void theMostOfLateIsWanted() {
    level.see(3, 10 * SECOND);
    assertEquals(4, level.level());

    level.see(3, ReadyLevel.MISSED_MS);
    assertEquals(3, level.level());
  }

  @Test
  void anUpdateLeavesItAsItWas() {
    for (int pod = 0; pod < 4; pod++) {
      long now = (10 + 5 * pod) * SECOND;
      level.see(5, now);
      level.ends(now + SECOND);
      level.see(4, now + SECOND);
    }

    assertEquals(4, level.level());
  }

  @Test
  void oneOfTwoAtATimeToo() {
    level.see(5, 10 * SECOND);
    level.see(6, 11 * SECOND);
    level.ends(12 * SECOND);
    level.ends(12 * SECOND);
    level.see(4, 12 * SECOND);

    assertEquals(4, level.level());
  }

  @Test
  void noMoreEndThanWereTooMany() {
    level.see(5, 10 * SECOND);
    level.ends(11 * SECOND);
    level.ends(11 * SECOND);
    level.see(3, 11 * SECOND);

    assertEquals(4, level.level());
  }

  @Test
  void whoEndsLongAfterThereWereMoreIsMissed() {
    level.see(5, 10 * SECOND);
    level.ends(10 * SECOND + ReadyLevel.SURGE_MS);

    assertEquals(5, level.level());
  }

  @Test
  void whoEndsSoonAfterAGatewaysStartIsMissed() {
    level.ends(5 * SECOND);

    assertEquals(4, level.level());
  }
}

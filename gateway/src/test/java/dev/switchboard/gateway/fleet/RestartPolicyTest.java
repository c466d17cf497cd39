package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class RestartPolicyTest {
  private final RestartPolicy policy = new RestartPolicy(WorkersConfig.DEFAULTS);

  @Test
  void theFirstRestartIsFastAndTheWaitsDouble() {
    assertEquals(100, policy.exited(0, 0));
    assertEquals(200, policy.exited(0, 1000));
    assertEquals(400, policy.exited(1000, 2000));
    assertEquals(800, policy.exited(2000, 3000));
  }

  @Test
  void afterFiveExitsWithinAMinuteEveryWaitIsTheLongest() {
    for (int i = 0; i < 4; i++) {
      policy.exited(i * 10_000L, i * 10_000L);
    }
    assertFalse(policy.crashLooping());

    assertEquals(30_000, policy.exited(44_000, 45_000));
    assertEquals(30_000, policy.exited(75_000, 76_000));
    assertEquals(30_000, policy.exited(106_000, 107_000));
    assertTrue(policy.crashLooping());
  }

  @Test
  void aWorkerThatRanLongerThanTheWindowStartsAfresh() {
    for (int i = 0; i < 5; i++) {
      policy.exited(i, i);
    }

    assertEquals(100, policy.exited(30_000, 91_000));
    assertFalse(policy.crashLooping());
  }

  @Test
  void exitsLongAgoDoNotCount() {
    for (int i = 0; i < 4; i++) {
      policy.exited(i, i);
    }

    assertEquals(100, policy.exited(119_000, 120_000));
  }
}

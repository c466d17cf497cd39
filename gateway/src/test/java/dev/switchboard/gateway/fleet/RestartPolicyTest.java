package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class RestartPolicyTest {
  private final RestartPolicy policy = new RestartPolicy(WorkersConfig.DEFAULTS);

  @Test
  void theFirstRestartIsFastAndTheWaitsDouble() {
    assertEquals(100, policy.exited(0, 0, WorkerExit.ENGINE_LOST));
    assertEquals(200, policy.exited(0, 1000, WorkerExit.ENGINE_LOST));
    assertEquals(400, policy.exited(1000, 2000, WorkerExit.ENGINE_LOST));
    assertEquals(800, policy.exited(2000, 3000, WorkerExit.ENGINE_LOST));
  }

  @Test
  void afterFiveExitsWithinAMinuteEveryWaitIsTheLongest() {
    for (int i = 0; i < 4; i++) {
      policy.exited(i * 10_000L, i * 10_000L, WorkerExit.ENGINE_LOST);
    }
    assertFalse(policy.crashLooping());

    assertEquals(30_000, policy.exited(44_000, 45_000, WorkerExit.ENGINE_LOST));
    assertEquals(30_000, policy.exited(75_000, 76_000, WorkerExit.ENGINE_LOST));
    assertEquals(30_000, policy.exited(106_000, 107_000, WorkerExit.ENGINE_LOST));
    assertTrue(policy.crashLooping());
  }

  @Test
  void aWorkerThatRanLongerThanTheWindowStartsAfresh() {
    for (int i = 0; i < 5; i++) {
      policy.exited(i, i, WorkerExit.ENGINE_LOST);
    }

    assertEquals(100, policy.exited(30_000, 91_000, WorkerExit.ENGINE_LOST));
    assertFalse(policy.crashLooping());
  }

  @Test
  void exitsLongAgoDoNotCount() {
    for (int i = 0; i < 4; i++) {
      policy.exited(i, i, WorkerExit.ENGINE_LOST);
    }

    assertEquals(100, policy.exited(119_000, 120_000, WorkerExit.ENGINE_LOST));
  }
}

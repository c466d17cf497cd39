package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class RestartPolicyTest {
  private final RestartPolicy policy = new RestartPolicy(WorkersConfig.DEFAULTS);

  @Test
  void theFirstRestartIsFastAndTheWaitsDouble() {
    assertEquals(100, policy.exited(0));
    assertEquals(200, policy.exited(1000));
    assertEquals(400, policy.exited(2000));
    assertEquals(800, policy.exited(3000));
  }

  @Test
  void fiveExitsWithinAMinuteAreACrashLoop() {
    for (int i = 0; i < 4; i++) {
      policy.exited(i * 10_000L);
    }

    assertEquals(-1, policy.exited(45_000));
  }

  @Test
  void exitsLongAgoDoNotCount() {
    for (int i = 0; i < 4; i++) {
      policy.exited(i);
    }

    assertEquals(100, policy.exited(120_000));
  }
}

package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class WorkerExitTest {
  @Test
  void onlyWhatWouldEndTheSameWayIsNotStartedAgain() {
    for (int status = -1; status < 256; status++) {
      boolean isFinal = WorkerExit.of(status).next() == WorkerExit.Next.NOTHING;

      assertEquals(status == 2 || status == 6, isFinal, "status " + status);
    }
  }

  @Test
  void theJvmsOwnStatusesAreTold() {
    assertEquals(WorkerExit.NOT_STARTED, WorkerExit.of(1));
    assertEquals(WorkerExit.OUT_OF_MEMORY, WorkerExit.of(3));
    assertEquals(WorkerExit.CRASHED, WorkerExit.of(134));
    assertEquals(WorkerExit.CRASHED, WorkerExit.of(139));
    assertEquals(WorkerExit.KILLED, WorkerExit.of(137));
    assertEquals(WorkerExit.OTHER, WorkerExit.of(143));
  }

  @Test
  void aDeviceThatFailedIsNamed() {
    assertEquals(WorkerExit.DEVICE_LOST, WorkerExit.of(7));
    assertEquals(7, WorkerExit.DEVICE_LOST.gatewayStatus());
  }

  @Test
  void whoRanOutOfMemoryWaitsBeforeItTakesItAgain() {
    RestartPolicy policy = new RestartPolicy(WorkersConfig.DEFAULTS);

    long first = policy.exited(0, 0, WorkerExit.OUT_OF_MEMORY);
    long second = policy.exited(0, 1000, WorkerExit.OUT_OF_MEMORY);

    assertEquals(1600, first);
    assertEquals(3200, second);
    assertTrue(new RestartPolicy(WorkersConfig.DEFAULTS).exited(0, 0, WorkerExit.KILLED) <= 100);
  }
}

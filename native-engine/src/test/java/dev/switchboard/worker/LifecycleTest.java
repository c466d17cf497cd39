package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LifecycleTest {

  @Test
  void theTransitionsAreExactlyThese() {
    Map<WorkerPhase, Set<WorkerPhase>> expected = new EnumMap<>(WorkerPhase.class);
    expected.put(WorkerPhase.LOADING, EnumSet.of(WorkerPhase.WARMING, WorkerPhase.FAILED));
    expected.put(WorkerPhase.WARMING, EnumSet.of(WorkerPhase.READY, WorkerPhase.FAILED));
    expected.put(WorkerPhase.READY, EnumSet.of(WorkerPhase.DRAINING, WorkerPhase.FAILED));
    expected.put(WorkerPhase.DRAINING, EnumSet.of(WorkerPhase.READY, WorkerPhase.FAILED));
    expected.put(WorkerPhase.FAILED, EnumSet.noneOf(WorkerPhase.class));

    for (WorkerPhase phase : WorkerPhase.values()) {
      assertEquals(expected.get(phase), phase.next(), phase.word());
    }
  }

  @Test
  void anIllegalTransitionIsRefused() {
    Lifecycle lifecycle = new Lifecycle();

    assertThrows(IllegalStateException.class, () -> lifecycle.transitionTo(WorkerPhase.DRAINING));
    assertEquals(WorkerPhase.LOADING, lifecycle.phase());
  }

  @Test
  void theFirstFailureStays() {
    Lifecycle lifecycle = new Lifecycle();

    assertTrue(lifecycle.fail("engine_lost", "a rank hung"));
    assertFalse(lifecycle.fail("other", "later"));

    assertEquals("engine_lost", lifecycle.status().reason());
  }
}

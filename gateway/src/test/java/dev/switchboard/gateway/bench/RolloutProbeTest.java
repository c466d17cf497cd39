package dev.switchboard.gateway.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class RolloutProbeTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(1);

  private final RolloutProbe probe = probe(Duration.ZERO);

  private static RolloutProbe probe(Duration period) {
    return new RolloutProbe(
        new RolloutTemplate.Probe("/readyz", "http", Map.of(), period, TIMEOUT, 2));
  }

  @Test
  void nothingIsKnownBeforeTheFirstAnswer() {
    probe.look(asked -> false);

    assertFalse(probe.passed());
    assertFalse(probe.failed());
  }

  @Test
  void oneBadAnswerIsNotEnoughToFail() {
    probe.look(asked -> true);
    probe.look(asked -> false);

    assertTrue(probe.passed());
    assertFalse(probe.failed());
  }

  @Test
  void asManyInARowAsTheManifestSaysFail() {
    probe.look(asked -> true);
    probe.look(asked -> false);
    probe.look(asked -> false);

    assertFalse(probe.passed());
    assertTrue(probe.failed());
  }

  @Test
  void aGoodAnswerBetweenThemBeginsTheCountAnew() {
    probe.look(asked -> false);
    probe.look(asked -> true);
    probe.look(asked -> false);

    assertTrue(probe.passed());
    assertFalse(probe.failed());
  }

  @Test
  void itAsksOnceInAPeriod() {
    RolloutProbe seldom = probe(Duration.ofHours(1));
    AtomicInteger times = new AtomicInteger();

    for (int i = 0; i < 3; i++) {
      seldom.look(asked -> times.incrementAndGet() > 0);
    }

    assertEquals(1, times.get());
  }
}

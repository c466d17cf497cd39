package dev.switchboard.gateway.bench;

import java.util.function.Predicate;

/** What a kubelet knows by one probe: it is due each period, and fails after so many in a row. */
final class RolloutProbe {
  private final RolloutTemplate.Probe probe;
  private long dueNanos = System.nanoTime();
  private int failures;
  private boolean passed;

  RolloutProbe(RolloutTemplate.Probe probe) {
    this.probe = probe;
  }

  /** Asks if it is due. */
  void look(Predicate<RolloutTemplate.Probe> ask) {
    long now = System.nanoTime();
    if (now < dueNanos) {
      return;
    }
    dueNanos = now + probe.period().toNanos();
    if (ask.test(probe)) {
      failures = 0;
      passed = true;
    } else {
      failures++;
      passed &= !failed();
    }
  }

  /** Whether the last that counts was good. */
  boolean passed() {
    return passed;
  }

  boolean failed() {
    return failures >= probe.failures();
  }
}

package dev.switchboard.gateway.autoscaling;

import java.util.ArrayDeque;
import java.util.Deque;

/** How long replicas take from being wanted to being ready, by when there were more of each. */
final class StartTimes {
  private static final double SHARE_OF_NEW = 0.2;

  private final Deque<Long> begun = new ArrayDeque<>();
  private double meanMs = Double.NaN;
  private int current = -1;
  private int ready;

  /** Takes how many there are at a moment. */
  void observe(long nowMs, ScaleSignals now) {
    if (current < 0) {
      current = now.current();
      ready = now.ready();
      return;
    }
    for (int i = current; i < now.current(); i++) {
      begun.addLast(nowMs);
    }
    for (int i = ready; i < now.ready() && !begun.isEmpty(); i++) {
      double tookMs = nowMs - begun.removeFirst();
      meanMs = Double.isNaN(meanMs) ? tookMs : meanMs + SHARE_OF_NEW * (tookMs - meanMs);
    }
    while (begun.size() > Math.max(0, now.current() - now.ready())) {
      begun.removeLast();
    }
    current = now.current();
    ready = now.ready();
  }

  /** As seen; before any was, as configured. */
  double meanMs(int configuredSeconds) {
    return Double.isNaN(meanMs) ? 1000.0 * configuredSeconds : meanMs;
  }
}

package dev.switchboard.gateway.telemetry;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Which requests lend their trace to the metrics as an exemplar: recorded ones, at most ten a
 * second. The choice is made when the request begins, so that its trace can say so and be kept
 * whatever else samples it. Safe on any thread.
 */
final class ExemplarChoice {
  private static final long APART_NANOS = 100_000_000;

  private final AtomicLong next = new AtomicLong(Long.MIN_VALUE);

  boolean take(long nowNanos) {
    long due = next.get();
    return nowNanos >= due && next.compareAndSet(due, nowNanos + APART_NANOS);
  }
}

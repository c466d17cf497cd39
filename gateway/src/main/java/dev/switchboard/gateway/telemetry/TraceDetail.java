package dev.switchboard.gateway.telemetry;

import org.jspecify.annotations.Nullable;

/** How much the spans of a request tell; each level tells what those before it do, and more. */
public enum TraceDetail {
  /** No span of ours. */
  OFF(0),
  /** What the gateway did, and the engine's queue, prefill and decode. */
  REQUEST(1),
  /** Of prefill and decode a span for each rank of each stage. */
  RANKS(2),
  /** Every step of the engine that worked on it. */
  STEPS(3);

  private static final TraceDetail[] ALL = values();

  private final int level;

  TraceDetail(int level) {
    this.level = level;
  }

  /** How people and headers write it: 0 to 3. */
  public int level() {
    return level;
  }

  /**
   * The one of a number.
   *
   * @throws IllegalArgumentException saying which there are
   */
  public static TraceDetail of(int level) {
    for (TraceDetail each : ALL) {
      if (each.level == level) {
        return each;
      }
    }
    throw new IllegalArgumentException("must be 0 to " + STEPS.level);
  }

  /** Whether what this one adds is told at a level. */
  boolean toldAt(TraceDetail level) {
    return compareTo(level) <= 0;
  }

  /** The lower of two; {@code other} may be none. */
  TraceDetail atMost(@Nullable TraceDetail other) {
    return other == null || compareTo(other) <= 0 ? this : other;
  }
}

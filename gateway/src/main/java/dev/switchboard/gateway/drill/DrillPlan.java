package dev.switchboard.gateway.drill;

import org.jspecify.annotations.Nullable;

/**
 * What is to be done to a replica.
 *
 * @param durationMs how long; 0 for what happens at once
 * @param stage and rank: where in the engine; −1 for all of them
 * @param factor so many times as long as otherwise; 0 where it is not asked for
 * @param delayMs before each step; 0 likewise
 */
public record DrillPlan(
    DrillKind kind, int durationMs, int stage, int rank, double factor, int delayMs) {
  private static final int LEAST_MS = 100;
  private static final int MOST_LANES = 16;
  private static final double LEAST_FACTOR = 1.01;
  private static final double MOST_FACTOR = 1000;
  private static final int MOST_DELAY_MS = 60_000;

  /**
   * Checks what was asked for.
   *
   * @throws IllegalArgumentException whose first word is the field
   */
  public static DrillPlan of(
      @Nullable String kind,
      @Nullable Integer durationMs,
      @Nullable Integer stage,
      @Nullable Integer rank,
      @Nullable Double factor,
      @Nullable Integer delayMs,
      int mostMs) {
    DrillKind wanted = DrillKind.of(kind);
    if (wanted.process()) {
      require(stage == null, "stage", wanted);
      require(rank == null, "rank", wanted);
    }
    require(wanted.lasts() || durationMs == null, "duration_ms", wanted);
    require(wanted == DrillKind.SLOW_RANK || factor == null, "factor", wanted);
    require(wanted == DrillKind.DELAY_RANK || delayMs == null, "delay_ms", wanted);
    return new DrillPlan(
        wanted,
        wanted.lasts() ? within("duration_ms", durationMs, LEAST_MS, mostMs) : 0,
        lane("stage", stage, wanted),
        lane("rank", rank, wanted),
        wanted == DrillKind.SLOW_RANK ? factor(factor) : 0,
        wanted == DrillKind.DELAY_RANK ? within("delay_ms", delayMs, 1, MOST_DELAY_MS) : 0);
  }

  private static void require(boolean condition, String field, DrillKind kind) {
    if (!condition) {
      throw new IllegalArgumentException(field + " is nothing that " + kind.label() + " has");
    }
  }

  private static int lane(String field, @Nullable Integer value, DrillKind kind) {
    return value == null && !kind.ofOneRank() ? -1 : within(field, value, 0, MOST_LANES - 1);
  }

  private static int within(String field, @Nullable Integer value, int low, int high) {
    if (value == null || value < low || value > high) {
      throw new IllegalArgumentException(field + " must be " + low + " to " + high);
    }
    return value;
  }

  private static double factor(@Nullable Double value) {
    if (value == null || !(value >= LEAST_FACTOR && value <= MOST_FACTOR)) {
      throw new IllegalArgumentException("factor must be " + LEAST_FACTOR + " to " + MOST_FACTOR);
    }
    return value;
  }

  /** How much of it, in the worker's units: percent that are added, or nanoseconds. */
  long amount() {
    return switch (kind) {
      case SLOW_RANK -> Math.round((factor - 1) * 100);
      case DELAY_RANK -> delayMs * 1_000_000L;
      case KILL, STOP, HANG_RANK, FAIL_STEPS, OUT_OF_MEMORY -> 0;
    };
  }
}

package dev.switchboard.gateway.drill;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What is done to a replica. */
public enum DrillKind {
  /** Its process is killed (SIGKILL), and restarts by itself. */
  KILL(true, false, ""),
  /** Its process stands still (SIGSTOP), then goes on (SIGCONT). */
  STOP(true, true, ""),
  /** A rank computes so many times as long. */
  SLOW_RANK(false, true, "slow"),
  /** A rank begins each step so much later. */
  DELAY_RANK(false, true, "delay"),
  /** A rank stops in its next step. */
  HANG_RANK(false, true, "hang"),
  /** Every step fails. */
  FAIL_STEPS(false, true, "fail"),
  /** Every step fails for want of memory. */
  OUT_OF_MEMORY(false, true, "out_of_memory");

  private final boolean process;
  private final boolean lasts;
  private final String fault;

  DrillKind(boolean process, boolean lasts, String fault) {
    this.process = process;
    this.lasts = lasts;
    this.fault = fault;
  }

  /** Its name in requests and answers. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Whether it is done to a process of this gateway's, and not inside of an engine. */
  public boolean process() {
    return process;
  }

  /** Whether it lasts, and must be taken back. */
  boolean lasts() {
    return lasts;
  }

  /** What a worker calls it. */
  String fault() {
    return fault;
  }

  /** Whether it is about one rank, which must be named. */
  boolean ofOneRank() {
    return this == SLOW_RANK || this == DELAY_RANK || this == HANG_RANK;
  }

  static DrillKind of(@Nullable String label) {
    for (DrillKind kind : values()) {
      if (kind.label().equals(label)) {
        return kind;
      }
    }
    throw new IllegalArgumentException(
        "kind must be one of "
            + Arrays.stream(values()).map(DrillKind::label).collect(Collectors.joining(", ")));
  }
}

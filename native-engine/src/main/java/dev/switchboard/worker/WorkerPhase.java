package dev.switchboard.worker;

import java.util.EnumSet;
import java.util.Set;

/**
 * Where a worker is in its life.
 *
 * <pre>
 * LOADING  → WARMING | FAILED
 * WARMING  → READY | FAILED
 * READY    → DRAINING | FAILED
 * DRAINING → READY | FAILED
 * FAILED   (last)
 * </pre>
 */
enum WorkerPhase {
  /** The model file is read and its weights are repacked. */
  LOADING("loading"),
  /** One prefill and one decode touch every page and kernel before the first user does. */
  WARMING("warming"),
  READY("ready"),
  /** Streams go on, new work is refused. */
  DRAINING("draining"),
  /** The model could not be loaded, or the engine is lost. */
  FAILED("failed");

  private final String word;

  WorkerPhase(String word) {
    this.word = word;
  }

  /** The word in {@code /engine/v1/state}. */
  String word() {
    return word;
  }

  Set<WorkerPhase> next() {
    return switch (this) {
      case LOADING -> EnumSet.of(WARMING, FAILED);
      case WARMING -> EnumSet.of(READY, FAILED);
      case READY -> EnumSet.of(DRAINING, FAILED);
      case DRAINING -> EnumSet.of(READY, FAILED);
      case FAILED -> EnumSet.noneOf(WorkerPhase.class);
    };
  }
}

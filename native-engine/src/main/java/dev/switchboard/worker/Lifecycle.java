package dev.switchboard.worker;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The worker's current {@link WorkerPhase}. Written by the loader and the event loop. */
final class Lifecycle {

  /**
   * A phase and why the worker is in it.
   *
   * @param reason a stable word, only in {@code FAILED} and {@code DRAINING}
   * @param message for people
   */
  record Status(WorkerPhase phase, @Nullable String reason, @Nullable String message) {}

  private static final Logger LOG = LoggerFactory.getLogger(Lifecycle.class);

  private volatile Status status = new Status(WorkerPhase.LOADING, null, null);

  Status status() {
    return status;
  }

  WorkerPhase phase() {
    return status.phase();
  }

  void transitionTo(WorkerPhase next) {
    transitionTo(next, null, null);
  }

  synchronized void transitionTo(
      WorkerPhase next, @Nullable String reason, @Nullable String message) {
    WorkerPhase from = phase();
    if (!from.next().contains(next)) {
      throw new IllegalStateException("no way from " + from + " to " + next);
    }
    status = new Status(next, reason, message);
    LOG.info(
        "phase from={} to={} reason={} message=\"{}\"", from.word(), next.word(), reason, message);
  }

  /** Moves to {@code FAILED} from wherever it is, once; the first reason stays. */
  synchronized boolean fail(String reason, String message) {
    if (phase() == WorkerPhase.FAILED) {
      return false;
    }
    transitionTo(WorkerPhase.FAILED, reason, message);
    return true;
  }
}

package dev.switchboard.gateway.http;

import org.jspecify.annotations.Nullable;

/**
 * Steps that are all taken, whatever those before them throw: what a request holds in several
 * places is given back in each of them.
 */
final class CleanupSteps {
  private CleanupSteps() {}

  /** Takes them in order; throws what was thrown first at the end. */
  static void all(Runnable... steps) {
    Throwable first = null;
    for (Runnable step : steps) {
      first = take(step, first);
    }
    if (first instanceof Error error) {
      throw error;
    }
    if (first instanceof RuntimeException fault) {
      throw fault;
    }
  }

  private static @Nullable Throwable take(Runnable step, @Nullable Throwable first) {
    try {
      step.run();
    } catch (RuntimeException | Error fault) {
      if (first == null) {
        return fault;
      }
      if (!first.equals(fault)) {
        first.addSuppressed(fault);
      }
    }
    return first;
  }
}

package dev.switchboard.gateway.admission;

import java.util.function.DoubleSupplier;

/** Spreads the times at which refused clients come back, so that they do not come as a herd. */
final class Spread {
  private static final double MOST_SECONDS = 120;
  private static final double JITTER = 0.5;

  private Spread() {}

  /** Whole seconds: the given ones, later by up to a half and rounded by lot; 1 at least. */
  static int seconds(double seconds, DoubleSupplier random) {
    double whole = Math.max(1, Math.ceil(Math.min(seconds, MOST_SECONDS) - 1e-9));
    double spread = whole * (1 + JITTER * random.getAsDouble());
    return (int) Math.floor(spread + random.getAsDouble());
  }
}

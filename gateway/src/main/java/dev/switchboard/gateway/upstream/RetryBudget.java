package dev.switchboard.gateway.upstream;

import dev.switchboard.gateway.routing.HedgePolicy;

/**
 * Bounds retries to a share of the requests, so that a broken fleet is not hit twice as hard: every
 * request earns a fraction of a retry, up to a reserve. Safe on any thread.
 */
public final class RetryBudget {

  /**
   * @param attempts at most, the first included
   * @param ratio retries per request in the long run
   * @param reserve retries that may be saved up
   * @param hedge when a late request gets a second replica, which takes a retry too
   */
  public record Config(int attempts, double ratio, int reserve, HedgePolicy hedge) {
    public static final Config DEFAULTS = new Config(2, 0.1, 10, HedgePolicy.DEFAULTS);

    public Config {
      if (attempts < 1 || attempts > 5) {
        throw new IllegalArgumentException("attempts must be 1 to 5");
      }
      if (!(ratio >= 0 && ratio <= 1)) {
        throw new IllegalArgumentException("ratio must be 0 to 1");
      }
      if (reserve < 0 || reserve > 1000) {
        throw new IllegalArgumentException("reserve must be 0 to 1000");
      }
    }
  }

  private volatile Config config;
  private double saved;

  public RetryBudget(Config config) {
    this.config = config;
    this.saved = config.reserve();
  }

  /** Goes by another share from now on; what was saved up stays. */
  public synchronized void reconfigure(Config other) {
    config = other;
    saved = Math.min(saved, other.reserve());
  }

  /** A request began. */
  public synchronized void earn() {
    saved = Math.min(saved + config.ratio(), config.reserve());
  }

  /** Takes one retry, when there is one. */
  public synchronized boolean spend() {
    if (saved < 1) {
      return false;
    }
    saved--;
    return true;
  }
}

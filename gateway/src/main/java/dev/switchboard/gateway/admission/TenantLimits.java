package dev.switchboard.gateway.admission;

import dev.switchboard.gateway.slo.Slo;

/** Knows what each tenant may use; called on event loops, so it answers from memory. */
@FunctionalInterface
public interface TenantLimits {
  Limit of(String tenant);

  /**
   * What one tenant may use; 0 where there is no limit.
   *
   * @param weight of its share where requests wait
   * @param tokensPerMinute read and generated
   * @param maxConcurrency requests at once, those that wait among them
   * @param maxPriority the highest that a request has, whatever it asks for
   */
  record Limit(
      double weight,
      int requestsPerMinute,
      int tokensPerMinute,
      int maxConcurrency,
      int maxPriority) {
    public static final Limit NONE = new Limit(1, 0, 0, 0, Slo.MAX_PRIORITY);

    public Limit {
      if (!(weight >= 0.01 && weight <= 1000)) {
        throw new IllegalArgumentException("weight must be 0.01 to 1000");
      }
      range("requests-per-minute", requestsPerMinute);
      range("tokens-per-minute", tokensPerMinute);
      range("max-concurrency", maxConcurrency);
      if (maxPriority < Slo.MIN_PRIORITY || maxPriority > Slo.MAX_PRIORITY) {
        throw new IllegalArgumentException(
            "max-priority must be " + Slo.MIN_PRIORITY + " to " + Slo.MAX_PRIORITY);
      }
    }

    private static void range(String key, int value) {
      if (value < 0 || value > 1_000_000_000) {
        throw new IllegalArgumentException(key + " must be 0 to 1000000000");
      }
    }
  }
}

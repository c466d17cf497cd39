package dev.switchboard.gateway.admission;

/**
 * What a tenant uses at a moment, and what it may.
 *
 * @param concurrent its requests that are let in
 * @param maxConcurrency how many there may be; 0 for any number
 */
public record TenantUse(Minute requests, Minute tokens, int concurrent, int maxConcurrency) {
  /**
   * A limit per minute, which comes back evenly.
   *
   * @param limit 0 for none, and then nothing is counted
   * @param used of it, and not yet back; more than the limit while it is owed
   * @param fullNanos until all of it is there again
   */
  public record Minute(int limit, long used, long fullNanos) {
    static Minute of(TokenBucket bucket) {
      return new Minute(bucket.limit(), bucket.used(), bucket.nanosUntilFull());
    }

    public long left() {
      return Math.max(0, limit - used);
    }
  }
}

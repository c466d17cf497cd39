package dev.switchboard.gateway.admission;

/**
 * @param maxInFlight requests in the gateway at once, those that wait among them; one more is
 *     answered 429. It bounds the gateway's memory
 * @param queueRequests that wait for one model
 * @param queueBytes of their bodies
 * @param queueMs that any of them waits
 * @param replicaConcurrency requests that a replica takes at once; 0 learns it
 * @param replicaQueueMs wait at a replica that learning takes for none
 * @param retryAfterSeconds least that is said with a 429 or 503
 */
public record AdmissionConfig(
    int maxInFlight,
    int queueRequests,
    long queueBytes,
    int queueMs,
    int replicaConcurrency,
    int replicaQueueMs,
    int retryAfterSeconds) {
  public static final AdmissionConfig DEFAULTS =
      new AdmissionConfig(4096, 1024, 64 << 20, 60_000, 0, 50, 1);

  public AdmissionConfig {
    range("max-in-flight", maxInFlight, 1, 1_000_000);
    range("queue-requests", queueRequests, 0, 1_000_000);
    range("queue-bytes", queueBytes, 0, 1L << 40);
    range("queue-ms", queueMs, 1, 3_600_000);
    range("replica-concurrency", replicaConcurrency, 0, 100_000);
    range("replica-queue-ms", replicaQueueMs, 1, 60_000);
    range("retry-after-seconds", retryAfterSeconds, 1, 3600);
  }

  long queueNanos() {
    return queueMs * 1_000_000L;
  }

  long replicaQueueNanos() {
    return replicaQueueMs * 1_000_000L;
  }

  private static void range(String key, long value, long low, long high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(key + " must be " + low + " to " + high);
    }
  }
}

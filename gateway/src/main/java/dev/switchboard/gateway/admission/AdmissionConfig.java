package dev.switchboard.gateway.admission;

/**
 * @param maxInFlight requests in the gateway at once; one more is answered 429. Workers queue, so
 *     this bounds the gateway's memory, not their load
 * @param retryAfterSeconds said with a 429 or 503
 */
public record AdmissionConfig(int maxInFlight, int retryAfterSeconds) {
  public static final AdmissionConfig DEFAULTS = new AdmissionConfig(1024, 1);

  public AdmissionConfig {
    if (maxInFlight < 1 || maxInFlight > 1_000_000) {
      throw new IllegalArgumentException("max-in-flight must be 1 to 1000000");
    }
    if (retryAfterSeconds < 1 || retryAfterSeconds > 3600) {
      throw new IllegalArgumentException("retry-after-seconds must be 1 to 3600");
    }
  }
}

package dev.switchboard.gateway.flight;

/**
 * The worker's stamps of one request, epoch nanoseconds on its own clock; 0 where it gave none.
 *
 * @param receivedNanos the request's head had arrived there
 * @param sentNanos it wrote the document that carries these stamps
 */
public record EngineStamps(long receivedNanos, long sentNanos) {
  public static final EngineStamps NONE = new EngineStamps(0, 0);
}

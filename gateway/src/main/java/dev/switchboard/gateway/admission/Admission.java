package dev.switchboard.gateway.admission;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Bounds the requests in flight. An admitted request holds a pass and closes it when its response
 * ends, whatever way it ends. Safe on any thread.
 */
public final class Admission {
  private volatile AdmissionConfig config;
  private final AtomicInteger inFlight = new AtomicInteger();
  private volatile boolean unready;
  private volatile boolean closed;

  public Admission(AdmissionConfig config) {
    this.config = config;
  }

  /** Goes by other limits from now on. */
  public void reconfigure(AdmissionConfig other) {
    config = other;
  }

  /** What became of a request at the door. */
  public sealed interface Verdict {}

  /** It may go on; closing the pass twice counts once. */
  public final class Pass implements Verdict, AutoCloseable {
    private final AtomicBoolean returned = new AtomicBoolean();

    private Pass() {}

    @Override
    public void close() {
      if (returned.compareAndSet(false, true)) {
        inFlight.decrementAndGet();
      }
    }
  }

  /** Too many are in flight. */
  public record Shed(int inFlight, int retryAfterSeconds) implements Verdict {}

  /** The gateway stops and takes nothing new. */
  public record Closing(int retryAfterSeconds) implements Verdict {}

  public Verdict enter() {
    if (closed) {
      return new Closing(config.retryAfterSeconds());
    }
    int now = inFlight.incrementAndGet();
    if (now > config.maxInFlight()) {
      inFlight.decrementAndGet();
      return new Shed(now - 1, config.retryAfterSeconds());
    }
    return new Pass();
  }

  public int inFlight() {
    return inFlight.get();
  }

  public int retryAfterSeconds() {
    return config.retryAfterSeconds();
  }

  /** Asks load balancers to send no more; what still comes is admitted. */
  public void unready() {
    unready = true;
  }

  /** Admits nothing from now on. */
  public void close() {
    unready = true;
    closed = true;
  }

  /** Whether the gateway is on its way out. */
  public boolean closing() {
    return unready;
  }
}

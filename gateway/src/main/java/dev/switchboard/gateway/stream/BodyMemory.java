package dev.switchboard.gateway.stream;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Bounds the bytes of request bodies that are held at once, from their first byte until their
 * request ended, over all event loops. What would pass the limit is to be refused before it is
 * kept: bodies cannot wait, since their clients may be the ones who are slow.
 *
 * <p>A quarter is kept for small bodies, which nearly all are, so that large ones cannot lock them
 * out. Only bytes that came count, not those that were announced: else a few clients that announce
 * much and send nothing would take all. Who has the memory alone may always go on, whatever the
 * limit, so that no body is too large for it that {@code http.max-body-bytes} allows.
 *
 * <p>When there would be room is predicted from how long bytes were held, over about as many of the
 * last ones as there is room for: what is held, divided by that, is what is let go in a time
 * (Little's law). Bodies are let go as wholes and independently, so of the time until so many of
 * them are gone the quantiles are a gamma distribution's (after Wilson and Hilferty). Safe on any
 * thread.
 */
public final class BodyMemory {
  static final int SMALL_BYTES = 64 << 10;

  private static final double Z_P90 = 1.2816;

  private final long limit;
  private final LongSupplier clock;
  private final AtomicLong held = new AtomicLong();
  private final Object lock = new Object();

  /** Of bytes that were let go: how many, in how many bodies, and for how long they were held. */
  private double released;

  private double bodies;
  private double byteNanos;

  /**
   * @param clock in nanoseconds
   */
  public BodyMemory(long limit, LongSupplier clock) {
    this.limit = limit;
    this.clock = clock;
  }

  /**
   * How long it takes until there is room, in nanoseconds; −1 where nothing was measured yet.
   *
   * @param p90Nanos what nine in ten stay below
   */
  public record Wait(long p50Nanos, long p90Nanos) {
    static final Wait UNKNOWN = new Wait(-1, -1);
  }

  /** A body is about to be read. */
  public Share open() {
    return new Share();
  }

  /** Bytes that are held now. */
  long held() {
    return held.get();
  }

  private void letGo(long bytes, double heldFor) {
    synchronized (lock) {
      double kept = Math.exp(-(double) bytes / limit);
      released = released * kept + bytes;
      bodies = bodies * kept + 1;
      byteNanos = byteNanos * kept + heldFor;
    }
  }

  /**
   * @param bytes that must be gone
   */
  private Wait until(long bytes, long now) {
    synchronized (lock) {
      if (released == 0 || now == 0) {
        return Wait.UNKNOWN;
      }
      double mean = byteNanos / released * bytes / now;
      double count = Math.max(1, bytes * bodies / released);
      return new Wait(quantile(mean, count, 0), quantile(mean, count, Z_P90));
    }
  }

  /** Of a sum of so many independent waits with this mean in all. */
  private static long quantile(double mean, double count, double z) {
    double root = 1 - 1 / (9 * count) + z / (3 * Math.sqrt(count));
    return (long) (mean * root * root * root);
  }

  /** What one body holds; confined to its event loop. */
  public final class Share {
    private long bytes;
    private boolean closed;
    private final long openedNanos = clock.getAsLong();

    /** Each byte times when it came, from the opening on. */
    private double cameNanos;

    private Share() {}

    /** Whether so many more bytes could be taken now. */
    public boolean fits(long more) {
      return fits(more, held.get());
    }

    private boolean fits(long more, long now) {
      return !closed && (now + more <= most(more) || now == bytes);
    }

    private long most(long more) {
      return bytes + more <= SMALL_BYTES ? limit : limit - limit / 4;
    }

    /** How long it takes until so many more bytes fit. */
    public Wait untilRoom(long more) {
      long now = held.get();
      long excess = Math.max(0, now + more - most(more));
      return until(Math.min(excess, now - bytes), now);
    }

    /** Takes so many more bytes, or none. */
    public boolean take(int more) {
      long now = held.get();
      while (fits(more, now)) {
        if (held.compareAndSet(now, now + more)) {
          bytes += more;
          cameNanos += (double) more * (clock.getAsLong() - openedNanos);
          return true;
        }
        now = held.get();
      }
      return false;
    }

    /** Nothing of it is held any more. Twice does nothing more. */
    public void close() {
      if (!closed) {
        closed = true;
        held.addAndGet(-bytes);
        letGo(bytes, (double) bytes * (clock.getAsLong() - openedNanos) - cameNanos);
      }
    }
  }
}

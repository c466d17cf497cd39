package dev.switchboard.gateway.stream;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Bounds the bytes of request bodies that are held at once, from their first byte until their
 * request ended, over all event loops. What would pass the limit is to be refused before it is
 * kept: bodies cannot wait, since their clients may be the ones who are slow.
 *
 * <p>A quarter is kept for small bodies, which nearly all are, so that large ones cannot lock them
 * out. Only bytes that came count, not those that were announced: else a few clients that announce
 * much and send nothing would take all. Who has the memory alone may always go on, whatever the
 * limit, so that no body is too large for it that {@code http.max-body-bytes} allows. Safe on any
 * thread.
 */
public final class BodyMemory {
  static final int SMALL_BYTES = 64 << 10;

  private final long limit;
  private final AtomicLong held = new AtomicLong();

  public BodyMemory(long limit) {
    this.limit = limit;
  }

  /** A body is about to be read. */
  public Share open() {
    return new Share();
  }

  /** Bytes that are held now. */
  long held() {
    return held.get();
  }

  /** What one body holds; confined to its event loop. */
  public final class Share {
    private long bytes;
    private boolean closed;

    private Share() {}

    /** Whether so many more bytes could be taken now. */
    public boolean fits(long more) {
      return fits(more, held.get());
    }

    private boolean fits(long more, long now) {
      long most = bytes + more <= SMALL_BYTES ? limit : limit - limit / 4;
      return !closed && (now + more <= most || now == bytes);
    }

    /** Takes so many more bytes, or none. */
    public boolean take(int more) {
      long now = held.get();
      while (fits(more, now)) {
        if (held.compareAndSet(now, now + more)) {
          bytes += more;
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
      }
    }
  }
}

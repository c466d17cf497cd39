package dev.switchboard.gateway.stream;

import io.vertx.core.http.HttpClientResponse;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * Bounds the bytes of whole answers that are held at once, from their first byte until their client
 * took the last. Above the limit further bytes are not read, which the replica's socket then feels;
 * they are when clients took theirs, or were cut off. Where nobody's leaving would help, since no
 * answer is complete, the oldest goes on: nobody waits for himself. The first bytes of each answer
 * are free, so that what is small, which is nearly all, never waits for what is large: together
 * they are bounded by the number of requests. Confined to one event loop.
 */
public final class AnswerMemory {
  static final int FREE_BYTES = 64 << 10;

  private final long limit;
  private final LinkedHashSet<Share> collecting = new LinkedHashSet<>();
  private long held;
  private long incomplete;
  private int paused;

  public AnswerMemory(long limit) {
    this.limit = limit;
  }

  /** An answer is about to be read. */
  public Share open(HttpClientResponse from) {
    Share share = new Share(from);
    collecting.add(share);
    return share;
  }

  /** Bytes that are held now, but for those that are free. */
  long held() {
    return held;
  }

  private boolean mayGoOn(Share share) {
    return held <= limit || (held == incomplete && collecting.getFirst() == share);
  }

  private void goOn() {
    if (paused == 0) {
      return;
    }
    // A copy, since reading on may complete one.
    for (Share share : List.copyOf(collecting)) {
      if (share.waits && mayGoOn(share)) {
        share.waits(false);
        share.from.resume();
      }
    }
  }

  /** What one answer holds. */
  public final class Share {
    private final HttpClientResponse from;
    private long bytes;
    private boolean waits;
    private boolean closed;

    private Share(HttpClientResponse from) {
      this.from = from;
    }

    private void waits(boolean value) {
      if (waits != value) {
        waits = value;
        paused += value ? 1 : -1;
      }
    }

    void took(int count) {
      if (closed) {
        return;
      }
      long before = counted();
      bytes += count;
      held += counted() - before;
      incomplete += counted() - before;
      if (counted() > 0 && !waits && !mayGoOn(this)) {
        waits(true);
        from.pause();
      }
    }

    private long counted() {
      return Math.max(0, bytes - FREE_BYTES);
    }

    /** Nothing more comes; the client has yet to take it. */
    void complete() {
      if (collecting.remove(this)) {
        incomplete -= counted();
        waits(false);
        goOn();
      }
    }

    /** Nothing of it is held any more. Twice does nothing more. */
    public void close() {
      if (!closed) {
        closed = true;
        held -= counted();
        complete();
        goOn();
      }
    }
  }
}

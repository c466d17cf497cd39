package dev.switchboard.gateway.stream;

import io.vertx.core.http.HttpClientResponse;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;

/**
 * Bounds the bytes of whole answers that are held at once, from their first byte until their client
 * took the last. Above the limit further bytes are not read, which the replica's socket then feels;
 * they are when clients took theirs, or were cut off. Where nobody's leaving would help, since no
 * answer is complete, the oldest of those that hold any goes on: nobody waits for himself, nor for
 * one that gives nothing back when it ends. The first bytes of each answer are free, so that what
 * is small, which is nearly all, never waits for what is large: together they are bounded by the
 * number of requests. Confined to one event loop.
 */
public final class AnswerMemory {
  static final int FREE_BYTES = 64 << 10;

  private final long limit;

  /** Answers of which more comes, and that hold bytes that count; the oldest first. */
  private final TreeSet<Share> collecting =
      new TreeSet<>(Comparator.comparingLong((Share share) -> share.number));

  private long opened;
  private long held;
  private long incomplete;
  private int paused;

  public AnswerMemory(long limit) {
    this.limit = limit;
  }

  /** An answer is about to be read. */
  public Share open(HttpClientResponse from) {
    return new Share(from, opened++);
  }

  /** Bytes that are held now, but for those that are free. */
  long held() {
    return held;
  }

  private boolean mayGoOn(Share share) {
    return held <= limit || (held == incomplete && collecting.first() == share);
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
    private final long number;
    private long bytes;
    private boolean waits;
    private boolean closed;

    private Share(HttpClientResponse from, long number) {
      this.from = from;
      this.number = number;
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
      if (counted() > 0) {
        collecting.add(this);
        if (!waits && !mayGoOn(this)) {
          waits(true);
          from.pause();
        }
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

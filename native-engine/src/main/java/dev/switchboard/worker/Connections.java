package dev.switchboard.worker;

import dev.switchboard.timeline.AttemptId;
import io.vertx.core.http.HttpConnection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Closes connections that wait for a request header longer than they may, and knows those whose
 * last answer is out.
 *
 * <p>The server's own idle timeout cannot do this: it would cut a request that waits long for its
 * first token, and let a header dripping in byte by byte live. A connection has a deadline only
 * while no request of it is open. On the event loop.
 */
final class Connections {
  private static final long NEVER = Long.MAX_VALUE;

  private static final class Entry {
    private final List<AttemptId> attempts = new ArrayList<>(1);
    private int openRequests;
    private boolean closing;
    private long deadlineNanos;
  }

  private final Map<HttpConnection, Entry> entries = new HashMap<>();
  private final LongSupplier clock;
  private final long headerNanos;
  private final long idleNanos;
  private final int limit;

  Connections(LongSupplier clock, Duration headerTimeout, Duration idleTimeout, int limit) {
    this.clock = clock;
    this.headerNanos = headerTimeout.toNanos();
    this.idleNanos = idleTimeout.toNanos();
    this.limit = limit;
  }

  /** Says whether the connection may stay. */
  boolean opened(HttpConnection connection) {
    if (entries.size() >= limit) {
      return false;
    }
    Entry entry = new Entry();
    entry.deadlineNanos = clock.getAsLong() + headerNanos;
    entries.put(connection, entry);
    return true;
  }

  void closed(HttpConnection connection) {
    entries.remove(connection);
  }

  /**
   * @param attempt what the gateway calls the request; null when none sent it
   */
  void requestStarted(HttpConnection connection, @Nullable AttemptId attempt) {
    Entry entry = entries.get(connection);
    if (entry != null) {
      entry.openRequests++;
      entry.deadlineNanos = NEVER;
      if (attempt != null) {
        entry.attempts.add(attempt);
      }
    }
  }

  /** What comes after this answer may be the rest of a request that was refused. */
  void closing(HttpConnection connection) {
    Entry entry = entries.get(connection);
    if (entry != null) {
      entry.closing = true;
    }
  }

  boolean isClosing(HttpConnection connection) {
    Entry entry = entries.get(connection);
    return entry != null && entry.closing;
  }

  void requestEnded(HttpConnection connection, @Nullable AttemptId attempt) {
    Entry entry = entries.get(connection);
    if (entry == null) {
      return;
    }
    entry.attempts.remove(attempt);
    if (--entry.openRequests == 0) {
      entry.deadlineNanos = clock.getAsLong() + idleNanos;
    }
  }

  /** Every attempt whose answer is not over. */
  List<AttemptId> attempts() {
    return entries.values().stream().flatMap(entry -> entry.attempts.stream()).toList();
  }

  /** Closes what is past its deadline. */
  void sweep() {
    long now = clock.getAsLong();
    for (Map.Entry<HttpConnection, Entry> entry : Map.copyOf(entries).entrySet()) {
      if (entry.getValue().deadlineNanos <= now) {
        entry.getKey().close();
      }
    }
  }

  int size() {
    return entries.size();
  }
}

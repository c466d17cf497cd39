package dev.switchboard.worker;

import dev.switchboard.framing.LingeringClose;
import dev.switchboard.timeline.AttemptId;
import io.netty.channel.ChannelOutboundBuffer;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Closes connections that wait for a request header longer than they may, and those whose client
 * does not read the rest of an answer, and knows those whose last answer is out.
 *
 * <p>The server's own idle timeout cannot do this: it would cut a request that waits long for its
 * first token, and let a header dripping in byte by byte live. A connection has a deadline only
 * while no request of it is open, and none while what it was answered is still going out. On the
 * event loop.
 */
final class Connections {
  private static final long NEVER = Long.MAX_VALUE;

  private static final class Entry {
    private final List<AttemptId> attempts = new ArrayList<>(1);
    private int openRequests;
    private boolean closing;
    private long deadlineNanos;
    private Unsent unsent = Unsent.NOTHING;
    private long movedNanos;
  }

  /**
   * What of answers is not in the socket yet, by which it is seen to move.
   *
   * @param bytes of all messages that are not out
   * @param outBytes of the first of these, which are
   */
  record Unsent(long bytes, long outBytes) {
    static final Unsent NOTHING = new Unsent(0, 0);

    static Unsent of(HttpConnection connection) {
      ChannelOutboundBuffer waiting =
          ((ConnectionBase) connection).channel().unsafe().outboundBuffer();
      return waiting == null || waiting.isEmpty()
          ? NOTHING
          : new Unsent(waiting.totalPendingWriteBytes(), waiting.currentProgress());
    }
  }

  private final Map<HttpConnection, Entry> entries = new HashMap<>();
  private final LongSupplier clock;
  private final long headerNanos;
  private final long idleNanos;
  private final long stallNanos;
  private final int limit;

  Connections(
      LongSupplier clock,
      Duration headerTimeout,
      Duration idleTimeout,
      Duration writeStall,
      int limit) {
    this.clock = clock;
    this.headerNanos = headerTimeout.toNanos();
    this.idleNanos = idleTimeout.toNanos();
    this.stallNanos = writeStall.toNanos();
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
      entry.unsent = Unsent.NOTHING;
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

  /**
   * Closes what is past its deadline, and who stopped reading; a stream that goes on has its own
   * eye on its reader.
   *
   * @param stopped is told of each of these
   */
  void sweep(Consumer<HttpConnection> stopped) {
    long now = clock.getAsLong();
    for (Map.Entry<HttpConnection, Entry> each : Map.copyOf(entries).entrySet()) {
      HttpConnection connection = each.getKey();
      Entry entry = each.getValue();
      if (entry.openRequests == 0 && isSending(entry, Unsent.of(connection), now)) {
        if (now - entry.movedNanos >= stallNanos) {
          stopped.accept(connection);
          LingeringClose.now(connection);
        }
      } else if (entry.deadlineNanos <= now) {
        connection.close();
      }
    }
  }

  private boolean isSending(Entry entry, Unsent unsent, long now) {
    if (!unsent.equals(entry.unsent)) {
      entry.unsent = unsent;
      entry.movedNanos = now;
      entry.deadlineNanos = now + idleNanos;
    }
    return !unsent.equals(Unsent.NOTHING);
  }

  int size() {
    return entries.size();
  }
}

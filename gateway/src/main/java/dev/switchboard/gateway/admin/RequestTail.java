package dev.switchboard.gateway.admin;

import dev.switchboard.framing.LingeringClose;
import dev.switchboard.gateway.events.EventFeed;
import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.FlightTail;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Requests that end, as a stream of lines that does not end. A few times a second what has ended is
 * taken from the {@link FlightTail}; each line is made once, however many listen, and only where
 * one of them wants it. Of a listener that reads too slowly no more waits than its connection's
 * queue holds; the rest is left out and counted, and who takes nothing between two heartbeats is
 * cut off. On the admin listener's event loop.
 */
final class RequestTail {
  static final int MOST_LISTENERS = 32;

  /** So often that a look takes little of the event loop, which serves requests too. */
  private static final int EVERY_MS = 10;

  /** Looks from one write to a listener to the next, unless there is much to write. */
  private static final int LOOKS_A_WRITE = 10;

  /** Of those of one look: what is more waits for the next one, so that others get their turn. */
  private static final int MOST_AT_ONCE = 20;

  private static final int CHUNK_CHARS = 16 << 10;
  private static final int QUEUE_BYTES = 64 << 10;

  private final Timers timers;
  private final RequestLines lines;
  private final FlightTail tail;
  private final Metrics metrics;
  private final int heartbeatMs;
  private final Predicate<HttpServerRequest> allowed;
  private final List<Stream> streams = new ArrayList<>();
  private @Nullable Timer timer;

  /**
   * @param loop the event loop
   * @param feed ends when the gateway does
   * @param allowed whether a request that was let in still would be
   */
  RequestTail(
      Executor loop,
      Timers timers,
      RequestLines lines,
      EventFeed feed,
      Metrics metrics,
      int heartbeatMs,
      Predicate<HttpServerRequest> allowed) {
    this.timers = timers;
    this.lines = lines;
    this.tail = lines.recorder().tail();
    this.metrics = metrics;
    this.heartbeatMs = heartbeatMs;
    this.allowed = allowed;
    feed.wake(
        () -> {
          if (feed.closed()) {
            loop.execute(this::close);
          }
        });
  }

  /**
   * Begins to tell a client.
   *
   * @param sample the share of those that it wants that it gets
   */
  void listen(HttpServerRequest request, FlightQuery query, double sample) {
    if (streams.size() >= MOST_LISTENERS) {
      throw new ApiException(
          new ApiError(
              429,
              "rate_limit_error",
              "too_many_listeners",
              null,
              "There are " + MOST_LISTENERS + " listeners already, as many as there may be."));
    }
    // Listeners are written to in turn.
    Stream stream = new Stream(request, query, sample, streams.size() % LOOKS_A_WRITE);
    streams.add(stream);
    metrics.tailListeners(streams.size());
    if (timer == null) {
      tail.watched(true);
      timer = timers.every(EVERY_MS, this::look);
    }
    stream.begin();
  }

  private void look() {
    long lost = tail.takeLost();
    if (lost > 0) {
      streams.forEach(stream -> stream.dropped(lost));
    }
    for (int i = 0; i < MOST_AT_ONCE; i++) {
      FlightTail.Ended ended = tail.poll();
      if (ended == null) {
        break;
      }
      tell(ended);
    }
    // One that is over leaves the list.
    List.copyOf(streams).forEach(Stream::looked);
  }

  private void tell(FlightTail.Ended ended) {
    String line = null;
    for (Stream stream : streams) {
      if (stream.takes(ended)) {
        line = line == null ? line(ended) : line;
        stream.add(line);
      }
    }
  }

  /** Up to where each listener's own count follows. */
  private String line(FlightTail.Ended ended) {
    String json = lines.of(ended.record(), ended.waitedFor()).toString();
    return "event: request\ndata: " + json.substring(0, json.length() - 1) + ",\"left_out\":";
  }

  private void close() {
    List.copyOf(streams).forEach(Stream::end);
  }

  private void gone(Stream stream) {
    if (streams.remove(stream)) {
      metrics.tailListeners(streams.size());
    }
    if (streams.isEmpty() && timer != null) {
      timer.cancel();
      timer = null;
      tail.watched(false);
    }
  }

  /** One connection. */
  private final class Stream {
    private final HttpServerRequest request;
    private final HttpServerResponse response;
    private final FlightQuery query;

    /** Ids of which the hash is below this are told. */
    private final long below;

    private final StringBuilder pending = new StringBuilder();

    /** What it wants and did not get since it was last told so. */
    private long leftOut;

    /** Since it was last written to. */
    private int looks;

    private boolean stuck;
    private boolean over;
    private Timer beats = Timer.NONE;

    Stream(HttpServerRequest request, FlightQuery query, double sample, int looks) {
      this.request = request;
      this.response = request.response();
      this.query = query;
      this.below = (long) (sample * (1L << 32));
      this.looks = looks;
    }

    void begin() {
      response.setChunked(true).setWriteQueueMaxSize(QUEUE_BYTES);
      response.putHeader("Content-Type", "text/event-stream");
      response.putHeader("Cache-Control", "no-store");
      response.exceptionHandler(broken -> left());
      response.closeHandler(closed -> left());
      response.endHandler(ended -> left());
      beats = timers.every(heartbeatMs, this::beat);
      response.write(": listening\nretry: 2000\n\n");
    }

    /** Two listeners with one rate get the same ones. */
    boolean takes(FlightTail.Ended ended) {
      if (over || !query.wants(ended)) {
        return false;
      }
      if (hash(ended.record().id()) >= below) {
        leftOut++;
        return false;
      }
      return true;
    }

    void add(String line) {
      if (response.writeQueueFull()) {
        dropped(1);
        return;
      }
      pending.append(line).append(leftOut).append("}\n\n");
      leftOut = 0;
      if (pending.length() >= CHUNK_CHARS) {
        write();
      }
    }

    void dropped(long requests) {
      leftOut += requests;
      metrics.tailDropped(requests);
    }

    void looked() {
      if (++looks >= LOOKS_A_WRITE) {
        looks = 0;
        flush();
      }
    }

    private void flush() {
      if (!over && !pending.isEmpty()) {
        if (allowed.test(request)) {
          write();
        } else {
          end();
        }
      }
    }

    private void write() {
      response.write(pending.toString());
      pending.setLength(0);
      stuck = false;
    }

    private void beat() {
      if (over) {
        return;
      }
      if (!allowed.test(request)) {
        end();
      } else if (!response.writeQueueFull()) {
        stuck = false;
        pending.append(": alive\n\n");
        if (leftOut > 0) {
          pending.append("event: left_out\ndata: {\"left_out\":").append(leftOut).append("}\n\n");
          leftOut = 0;
        }
        write();
      } else if (stuck) {
        metrics.eventListenerCut();
        left();
        LingeringClose.now(request.connection());
      } else {
        stuck = true;
      }
    }

    void end() {
      if (!over) {
        left();
        response.end(pending.toString()).onComplete(told -> request.connection().close());
      }
    }

    private void left() {
      if (!over) {
        over = true;
        beats.cancel();
        gone(this);
      }
    }
  }

  /** Spread evenly over 32 bits, also of ids that are counted up. */
  private static long hash(String id) {
    long mixed = id.hashCode() * 0x9E3779B97F4A7C15L;
    mixed = (mixed ^ (mixed >>> 32)) * 0xD6E8FEB86659FD93L;
    return mixed >>> 32;
  }
}

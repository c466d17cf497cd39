package dev.switchboard.gateway.stream;

import dev.switchboard.gateway.flight.Flight;
import io.prometheus.metrics.core.datapoints.DistributionDataPoint;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Moves a stream of events from an upstream to the client.
 *
 * <p>Nothing goes out before the first event that says something: the events that only open the
 * answer are held until then, so a replica that dies before its first token can still be replaced.
 * After that every event is forwarded as it came, but for the one with our own {@code switchboard}
 * object, which is read for the flight and taken out unless the client wants it. A stream counts as
 * ended well only when {@code [DONE]} was seen.
 *
 * <p>Backpressure: while the client's queue is full the upstream is paused, which stops its socket.
 */
public final class EventRelay {
  private static final int MAX_HELD_BYTES = 64 << 10;

  /** Hears what becomes of the stream; exactly one of the ends is called, once. */
  public interface Listener {
    /** The first bytes are about to go out: time to write the head. */
    void committing();

    /** The client does not read; the upstream is paused until it does. */
    void stalled();

    /** It ended well; everything was written. */
    void ended();

    /**
     * The upstream broke.
     *
     * @param errorSent its own error event went out, so the client knows already
     */
    void broken(String reason, boolean errorSent);
  }

  private final Flight flight;
  private final HttpServerResponse client;
  private final boolean keepTimeline;
  private final @Nullable DistributionDataPoint gaps;
  private final Listener listener;
  private final EventScanner scanner = new EventScanner();

  private @Nullable HttpClientResponse upstream;
  private Buffer out = Buffer.buffer();
  private boolean committed;
  private boolean commit;
  private boolean done;
  private boolean over;
  private @Nullable String upstreamError;

  /**
   * @param gaps observes the seconds between two pieces of content; null to leave them out
   */
  public EventRelay(
      Flight flight,
      HttpServerResponse client,
      boolean keepTimeline,
      @Nullable DistributionDataPoint gaps,
      Listener listener) {
    this.flight = flight;
    this.client = client;
    this.keepTimeline = keepTimeline;
    this.gaps = gaps;
    this.listener = listener;
  }

  /** Begins to read. */
  public void start(HttpClientResponse response) {
    upstream = response;
    response.handler(this::chunk);
    response.exceptionHandler(cause -> broken("the connection broke: " + cause.getMessage()));
    response.endHandler(nothing -> upstreamEnded());
  }

  /** Nothing more goes to the client from here; the caller resets the upstream. */
  public void stop() {
    over = true;
  }

  public boolean committed() {
    return committed;
  }

  private void chunk(Buffer bytes) {
    if (over) {
      return;
    }
    try {
      scanner.feed(bytes, this::event);
    } catch (IllegalStateException e) {
      broken(String.valueOf(e.getMessage()));
      return;
    }
    if (!committed && out.length() > MAX_HELD_BYTES) {
      commit = true;
    }
    if (!over && (committed || commit)) {
      flush();
    }
  }

  private void event(EventScanner.Kind kind, byte[] bytes, int from, int to) {
    if (over || done) {
      return;
    }
    switch (kind) {
      case CONTENT -> {
        long gap = flight.content();
        if (gap >= 0 && gaps != null) {
          gaps.observe(gap / 1e9);
        }
        forward(bytes, from, to);
      }
      case FINISH -> {
        finish(bytes, from, to);
        forward(bytes, from, to);
      }
      case SPECIAL -> special(bytes, from, to);
      case DONE -> {
        done = true;
        forward(bytes, from, to);
      }
      case PRELUDE, OTHER -> out.appendBytes(bytes, from, to - from);
    }
  }

  private void forward(byte[] bytes, int from, int to) {
    out.appendBytes(bytes, from, to - from);
    commit = true;
  }

  /** A choice ends without our object in the same event: only the reason is of interest. */
  private void finish(byte[] bytes, int from, int to) {
    int payload = payload(bytes, from, to);
    try {
      AnswerReader.read(bytes, payload, to - payload).tell(flight);
    } catch (IOException e) {
      // Forwarded as it is: the client may make more of it than we do.
      flight.finishReason(null);
    }
  }

  private void special(byte[] bytes, int from, int to) {
    int payload = payload(bytes, from, to);
    try {
      AnswerReader.Answer read = AnswerReader.read(bytes, payload, to - payload);
      read.tell(flight);
      if (read.errorMessage() != null) {
        upstreamError = read.errorMessage();
        if (!committed && !commit) {
          broken("the replica failed: " + upstreamError);
          return;
        }
      } else if (EventScanner.hasContent(bytes, from, to)) {
        flight.content();
      }
      if (keepTimeline || read.switchboard() == null) {
        forward(bytes, from, to);
      } else {
        out.appendBuffer(read.without(bytes, from, to));
        commit = true;
      }
    } catch (IOException e) {
      forward(bytes, from, to);
    }
  }

  private static int payload(byte[] bytes, int from, int to) {
    int at = from;
    while (at < to && bytes[at] != '{' && bytes[at] != '\n') {
      at++;
    }
    return at;
  }

  private void flush() {
    if (out.length() == 0) {
      return;
    }
    if (!committed) {
      committed = true;
      listener.committing();
    }
    Buffer written = out;
    out = Buffer.buffer();
    client.write(written);
    HttpClientResponse from = upstream;
    if (client.writeQueueFull() && from != null) {
      from.pause();
      flight.stallBegins();
      listener.stalled();
      client.drainHandler(
          drained -> {
            flight.stallEnds();
            from.resume();
          });
    }
  }

  private void upstreamEnded() {
    if (over) {
      return;
    }
    flight.mark(Flight.Mark.UPSTREAM_ENDED);
    if (done && scanner.atBoundary()) {
      over = true;
      listener.ended();
    } else {
      broken(upstreamError != null ? upstreamError : "the stream ended before [DONE]");
    }
  }

  private void broken(String reason) {
    if (over) {
      return;
    }
    over = true;
    if (flight.at(Flight.Mark.UPSTREAM_ENDED) == 0) {
      flight.mark(Flight.Mark.UPSTREAM_ENDED);
    }
    listener.broken(reason, committed && upstreamError != null);
  }
}

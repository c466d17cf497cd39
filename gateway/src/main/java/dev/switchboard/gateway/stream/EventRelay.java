package dev.switchboard.gateway.stream;

import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.openai.ApiError;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.impl.ConnectionBase;
import java.io.IOException;
import java.util.Objects;
import java.util.Set;
import java.util.function.DoubleConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves a stream of events from an upstream to the client.
 *
 * <p>Nothing goes out before the first event that says something: the events that only open the
 * answer are held until then, so a replica that dies before its first token can still be replaced.
 * After that every event is forwarded as it came, but for the one with our own {@code switchboard}
 * object, which is read for the flight and taken out unless the client wants it. A stream ends well
 * with {@code [DONE]}, or with an error that its request brought about: only so.
 *
 * <p>A worker of ours says behind its events which tokens they told ({@link Replay}). What came
 * since its last such comment waits for the next one: so the client always has exactly what the
 * replay knows, and when the worker dies another one goes on behind it. The comments are taken out.
 *
 * <p>Backpressure: while the client's queue is full the upstream is paused, which stops its socket.
 */
public final class EventRelay {
  private static final int MAX_HELD_BYTES = 64 << 10;

  /** Events of one write of a worker; more than this and its answer is not remembered. */
  private static final int MAX_UNSETTLED_BYTES = 1 << 20;

  /** Errors of a worker that its next one would not have. */
  private static final Set<String> PASSING =
      Set.of("step_failed", "out_of_memory", "hung", "device_lost", "shutdown", "draining");

  /**
   * How a stream broke.
   *
   * @param told its own error event went out, or stands in {@code rest}
   * @param movable another replica would not break in the same way
   * @param rest what the client should have if nobody goes on with it
   * @param pieces of content in that, which are not counted yet
   * @param cause of a connection that failed; null where the connection did not
   * @param own it was no fault of the replica's, but of the gateway's own
   */
  public record Break(
      String reason,
      boolean told,
      boolean movable,
      Buffer rest,
      int pieces,
      @Nullable Throwable cause,
      boolean own) {
    /** One that left nothing. */
    public static Break empty(String reason, boolean movable) {
      return new Break(reason, false, movable, Buffer.buffer(), 0, null, false);
    }

    /** A fault of the gateway's own, for which another replica would be no better. */
    public static Break ours() {
      return new Break("it could not be passed on", false, false, Buffer.buffer(), 0, null, true);
    }

    /** What it says of the replica. */
    public AttemptResult result() {
      return own ? AttemptResult.ABANDONED : AttemptResult.FAILED;
    }
  }

  /** Hears what becomes of the stream; exactly one of the ends is called, once. */
  public interface Listener {
    /** It is about to say its first thing; nothing was told to the flight or the replay before. */
    void speaks();

    /** The first bytes are about to go out: time to write the head. */
    void committing();

    /** The upstream sent something. */
    void heard();

    /** The first bytes went out since another replica went on with it. */
    void resumed();

    /** The client does not read; the upstream is paused until it does. */
    void stalled();

    /** It ended well; everything was written. */
    void ended();

    /** It ended with an error that any replica would end it with; everything was written. */
    void refused(ApiError error);

    /** The upstream broke. */
    void broken(Break how);
  }

  private static final Logger LOG = LoggerFactory.getLogger(EventRelay.class);

  private final Flight flight;
  private final HttpServerResponse client;
  private final @Nullable Supplier<String> times;
  private final @Nullable DoubleConsumer gaps;
  private final @Nullable Replay replay;
  private final Listener listener;
  private final EventScanner scanner = new EventScanner();

  private @Nullable AnswerText said;
  private @Nullable HttpClientResponse upstream;
  private Buffer out = Buffer.buffer();
  private int settled;
  private int unsettledPieces;
  private boolean holding;
  private boolean resumes;
  private boolean spoke;
  private boolean committed;
  private boolean commit;
  private boolean done;
  private boolean timesTold;
  private boolean over;
  private @Nullable String upstreamError;

  /**
   * @param times where the time went so far, as JSON, for a client that wants it and the worker's
   *     timeline; else null
   * @param gaps observes the seconds between two pieces of content; null to leave them out
   * @param replay takes what a worker of ours says of its tokens; null from a foreign server
   * @param resumes the client has a part of the answer already, and its head
   */
  public EventRelay(
      Flight flight,
      HttpServerResponse client,
      @Nullable Supplier<String> times,
      @Nullable DoubleConsumer gaps,
      @Nullable Replay replay,
      boolean resumes,
      Listener listener) {
    this.flight = flight;
    this.client = client;
    this.times = times;
    this.gaps = gaps;
    this.replay = replay;
    this.holding = replay != null;
    this.resumes = resumes;
    this.committed = resumes;
    this.listener = listener;
  }

  /** Notes what the client gets. */
  public void noting(@Nullable AnswerText text) {
    said = text;
  }

  /** Begins to read. */
  public void start(HttpClientResponse response) {
    upstream = response;
    response.handler(this::chunk);
    response.exceptionHandler(
        cause -> broken("the connection broke: " + cause.getMessage(), cause));
    response.endHandler(nothing -> upstreamEnded());
    if (committed && client.writeQueueFull()) {
      waitForClient(response);
    }
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
      take(bytes);
    } catch (RuntimeException | Error e) {
      if (over) {
        // The end, or the break, has been told: who was to hear of it failed.
        throw e;
      }
      lost(e);
    }
  }

  /**
   * Some bytes were not passed on, for want of memory or by a fault of ours. Whatever came behind
   * them would make an answer with a hole: it ends here, and nobody can go on with it.
   */
  private void lost(Throwable cause) {
    LOG.error("relay_failed request={} trace={}", flight.id(), flight.traceId(), cause);
    Replay told = replay;
    if (told != null) {
      told.lose();
    }
    over = true;
    listener.broken(Break.ours());
  }

  private void take(Buffer bytes) {
    listener.heard();
    try {
      scanner.feed(bytes, this::event);
    } catch (IllegalStateException e) {
      broken(String.valueOf(e.getMessage()));
      return;
    }
    settle();
    if (!committed && settled > MAX_HELD_BYTES) {
      commit = true;
    }
    if (!over && (committed || commit)) {
      flush();
    }
    if (!over && done) {
      complete();
    }
  }

  /**
   * The answer is told: what becomes of the upstream from here on is no affair of the client's, who
   * would read its end again if another one went on.
   */
  private void complete() {
    leaveUpstream();
    listener.ended();
  }

  private void leaveUpstream() {
    over = true;
    flight.mark(Flight.Mark.UPSTREAM_ENDED);
    HttpClientResponse from = upstream;
    if (from != null) {
      // Its connection serves others once it was read to the end.
      from.resume();
    }
  }

  private void settle() {
    Replay told = replay;
    if (holding && told != null && out.length() - settled > MAX_UNSETTLED_BYTES) {
      told.lose();
    }
    holding &= told != null && !told.lost();
    if (!holding) {
      settleAll();
    }
  }

  private void note(byte[] bytes, int from, int to) {
    if (replay == null) {
      out.appendBytes(bytes, from, to - from);
    } else {
      replay.note(bytes, from, to);
      settleAll();
    }
  }

  private void event(EventScanner.Kind kind, byte[] bytes, int from, int to) {
    if (over || (done && kind != EventScanner.Kind.NOTE)) {
      return;
    }
    switch (kind) {
      case NOTE -> {
        speak();
        note(bytes, from, to);
      }
      case CONTENT -> {
        speak();
        piece();
        forward(bytes, from, to);
      }
      case FINISH -> {
        speak();
        finish(bytes, from, to);
        forward(bytes, from, to);
      }
      case SPECIAL -> special(bytes, from, to);
      case DONE -> {
        speak();
        done = true;
        tellTimes();
        forward(bytes, from, to);
        settleAll();
      }
      case PRELUDE, OTHER -> out.appendBytes(bytes, from, to - from);
    }
  }

  /** Counted once it is the client's: another replica may have to say it again. */
  private void piece() {
    unsettledPieces++;
    if (!holding) {
      count();
    }
  }

  private void count() {
    for (; unsettledPieces > 0; unsettledPieces--) {
      long gap = flight.content();
      if (gap >= 0 && gaps != null) {
        gaps.accept(gap / 1e9);
      }
    }
  }

  private void settleAll() {
    settled = out.length();
    count();
  }

  private void speak() {
    if (!spoke) {
      spoke = true;
      listener.speaks();
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
      if (read.errorMessage() == null) {
        speak();
      }
      read.tell(flight);
      if (read.errorMessage() != null) {
        upstreamError = read.errorMessage();
        ApiError refusal = read.refusal();
        if (refusal != null) {
          refused(refusal, read, bytes, from, to);
          return;
        }
        if (!committed && (holding || !commit)) {
          broken("the replica failed: " + upstreamError);
          return;
        }
        if (holding) {
          failed(read, bytes, from, to);
          return;
        }
      } else if (EventScanner.hasContent(bytes, from, to)) {
        piece();
      }
      if (read.ours() == null) {
        forward(bytes, from, to);
      } else {
        out.appendBuffer(
            times == null ? read.without(bytes, from, to) : timed(read, bytes, from, to));
        commit = true;
      }
    } catch (IOException e) {
      forward(bytes, from, to);
    }
  }

  private void refused(ApiError refusal, AnswerReader.Answer read, byte[] bytes, int from, int to) {
    speak();
    appendError(read, bytes, from, to);
    settleAll();
    flush();
    leaveUpstream();
    listener.refused(refusal);
  }

  private void appendError(AnswerReader.Answer read, byte[] bytes, int from, int to) {
    if (times != null || read.ours() == null) {
      out.appendBytes(bytes, from, to - from);
    } else {
      out.appendBuffer(read.without(bytes, from, to));
    }
  }

  private Buffer timed(AnswerReader.Answer read, byte[] bytes, int from, int to) {
    Supplier<String> wanted = Objects.requireNonNull(times);
    timesTold = true;
    return read.withTimes(bytes, from, to, wanted.get());
  }

  /** Before the end of a foreign server's stream, which has no object of ours. */
  private void tellTimes() {
    if (times != null && !timesTold) {
      timesTold = true;
      out.appendString(
          "data: {\"id\":\""
              + flight.id()
              + "\",\"choices\":[],\"switchboard\":{\"time_ms\":"
              + times.get()
              + "}}\n\n");
    }
  }

  /** A worker's own error: it goes to the client only if nobody can go on. */
  private void failed(AnswerReader.Answer read, byte[] bytes, int from, int to) {
    appendError(read, bytes, from, to);
    boolean passing = PASSING.contains(String.valueOf(read.errorCode()));
    over = true;
    Buffer rest = out.getBuffer(0, out.length());
    listener.broken(
        new Break(
            String.valueOf(upstreamError), true, passing, rest, unsettledPieces, null, false));
  }

  private static int payload(byte[] bytes, int from, int to) {
    int at = from;
    while (at < to && bytes[at] != '{' && bytes[at] != '\n') {
      at++;
    }
    return at;
  }

  private void flush() {
    if (settled == 0) {
      return;
    }
    if (!committed) {
      speak();
      committed = true;
      listener.committing();
    }
    Buffer told = takeSettled();
    if (said != null) {
      said.events(told);
    }
    client.write(told).onFailure(this::notWritten);
    if (resumes) {
      resumes = false;
      listener.resumed();
    }
    HttpClientResponse from = upstream;
    if (client.writeQueueFull() && from != null) {
      waitForClient(from);
    }
  }

  /**
   * A write that fails on a connection that stays, for want of memory, would leave a hole in the
   * answer. With a connection that breaks it fails too; its end is heard of otherwise.
   */
  private void notWritten(Throwable cause) {
    if (!(cause instanceof IOException
        || cause instanceof HttpClosedException
        || ConnectionBase.CLOSED_EXCEPTION.equals(cause))) {
      LOG.error("write_failed request={} trace={}", flight.id(), flight.traceId(), cause);
      client.reset();
    }
  }

  private Buffer takeSettled() {
    Buffer all = out;
    int length = settled;
    settled = 0;
    if (length == all.length()) {
      out = Buffer.buffer();
      return all;
    }
    out = all.getBuffer(length, all.length());
    return all.getBuffer(0, length);
  }

  private void waitForClient(HttpClientResponse from) {
    from.pause();
    flight.stallBegins();
    listener.stalled();
    client.drainHandler(
        drained -> {
          flight.stallEnds();
          from.resume();
        });
  }

  private void upstreamEnded() {
    if (over) {
      return;
    }
    broken(upstreamError != null ? upstreamError : "the stream ended before [DONE]");
  }

  private void broken(String reason) {
    broken(reason, null);
  }

  private void broken(String reason, @Nullable Throwable cause) {
    if (over) {
      return;
    }
    over = true;
    if (flight.at(Flight.Mark.UPSTREAM_ENDED) == 0) {
      flight.mark(Flight.Mark.UPSTREAM_ENDED);
    }
    boolean told = committed && upstreamError != null;
    listener.broken(new Break(reason, told, !told, out, unsettledPieces, cause, false));
  }
}

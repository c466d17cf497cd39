package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.VertxException;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads a request body within its limits, when there is room for it: refused by its declared length
 * before anything is read, by its real length after at most one network buffer too much, and when
 * it takes too long.
 */
final class BodyReader {
  /** What was answered may come before the request: half a million tokens. */
  private static final int ANSWERED_BYTES = 4 << 20;

  private final Timers timers;
  private final int limitBytes;
  private final Duration timeout;
  private final BodyRoom room;

  BodyReader(Timers timers, int limitBytes, Duration timeout, BodyRoom room) {
    this.room = room;
    this.timers = timers;
    this.limitBytes = limitBytes;
    this.timeout = timeout;
  }

  /**
   * A whole body.
   *
   * @param place to be left when the bytes are not needed any more
   */
  record Body(Buffer bytes, BodyRoom.Place place) {}

  /** Calls the consumer with the whole body, or answers the error itself. */
  void read(Exchange exchange, Consumer<Body> whole) {
    ApiError refusal = refusal(exchange.request());
    if (refusal != null) {
      exchange.errorAndClose(refusal);
      return;
    }
    new Reading(exchange, whole).enter();
  }

  private @Nullable ApiError refusal(HttpServerRequest request) {
    String encoding = request.getHeader("Content-Encoding");
    if (encoding != null && !encoding.toLowerCase(Locale.ROOT).equals("identity")) {
      return ApiError.unsupportedMediaType("Content-Encoding is not accepted: send plain JSON.");
    }
    String expect = request.getHeader("Expect");
    if (expect != null && !expect.equalsIgnoreCase("100-continue")) {
      return ApiError.invalid("Expect", "Only 100-continue can be expected.");
    }
    String length = request.getHeader("Content-Length");
    boolean tooLarge =
        length != null && (length.length() > 18 || Long.parseLong(length) > limit(request));
    return tooLarge ? ApiError.bodyTooLarge(limitBytes) : null;
  }

  /** What the header announces; where it says nothing, what a small one may have. */
  private int announced(HttpServerRequest request) {
    String length = request.getHeader("Content-Length");
    boolean chunked = request.getHeader("Transfer-Encoding") != null;
    return length != null ? Integer.parseInt(length) : chunked ? BodyRoom.SMALL_BYTES : 0;
  }

  private int limit(HttpServerRequest request) {
    return request.getHeader(AnswerSoFar.HEADER) == null ? limitBytes : limitBytes + ANSWERED_BYTES;
  }

  private final class Reading {
    private final Exchange exchange;
    private final Consumer<Body> whole;
    private Buffer body = Buffer.buffer();
    private BodyRoom.@Nullable Place place;
    private Timer timer = Timer.NONE;
    private boolean begun;
    private boolean waitsForRoom;
    private boolean paused;
    private boolean refused;

    Reading(Exchange exchange, Consumer<Body> whole) {
      this.exchange = exchange;
      this.whole = whole;
    }

    /** Unread until there is room: its sender waits, and no clock of its own runs. */
    void enter() {
      exchange.request().exceptionHandler(this::broke);
      int bytes = announced(exchange.request());
      BodyRoom.Place entered = room.enter(bytes, () -> begin(bytes));
      place = entered;
      if (!begun) {
        exchange.request().pause();
      }
    }

    private boolean isLengthTold() {
      return exchange.request().getHeader("Content-Length") != null;
    }

    private void begin(int bytes) {
      begun = true;
      body = isLengthTold() ? Buffer.buffer(bytes) : Buffer.buffer();
      startClock();
      exchange.request().handler(this::append).endHandler(end -> finish());
      if (exchange.request().headers().contains("Expect")) {
        exchange.response().writeContinue();
      }
      exchange.request().resume();
    }

    /** What was sent, or the connection's end. */
    private void broke(Throwable cause) {
      stop();
      if (!refused && cause instanceof RuntimeException && !(cause instanceof VertxException)) {
        refuse(ApiError.malformed("The body is not valid HTTP/1.1."));
      }
    }

    private void stop() {
      timer.cancel();
      BodyRoom.Place left = place;
      if (left != null) {
        left.leave();
      }
    }

    private void append(Buffer part) {
      if (refused) {
        return;
      }
      if (body.length() + part.length() > limit(exchange.request())) {
        refuse(ApiError.bodyTooLarge(limitBytes));
        return;
      }
      body.appendBuffer(part);
      if (!isLengthTold() && !waitsForRoom) {
        askForRoom();
      }
    }

    private BodyRoom.Place place() {
      return Objects.requireNonNull(place, "it has entered");
    }

    /** For twice what came, so that a body asks a few times only. */
    private void askForRoom() {
      int most = limit(exchange.request());
      if (body.length() <= place().bytes() || place().bytes() >= most) {
        return;
      }
      waitsForRoom = true;
      place().grow(Math.min(2L * body.length(), most), most, this::goOn);
      if (waitsForRoom) {
        paused = true;
        timer.cancel();
        exchange.request().pause();
      }
    }

    private void goOn() {
      waitsForRoom = false;
      if (paused) {
        paused = false;
        startClock();
        exchange.request().resume();
      }
    }

    private void startClock() {
      timer = timers.after(timeout.toMillis(), this::expire);
    }

    private void finish() {
      timer.cancel();
      if (!refused) {
        if (!isLengthTold()) {
          place().settle(body.length());
        }
        whole.accept(new Body(body, place()));
      }
    }

    private void expire() {
      if (!refused) {
        refuse(ApiError.bodyTooSlow(timeout.toMillis()));
      }
    }

    private void refuse(ApiError error) {
      refused = true;
      stop();
      exchange.errorAndClose(error);
    }
  }
}

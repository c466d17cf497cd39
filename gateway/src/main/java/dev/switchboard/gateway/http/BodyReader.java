package dev.switchboard.gateway.http;

import dev.switchboard.gateway.stream.BodyMemory;
import dev.switchboard.gateway.stream.Pieces;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads a body whatever its content type says: {@code curl -d} sends JSON as a form. What is too
 * large, or has no room beside the bodies of others, is refused by its declared length, before a
 * byte of it is read, or before the byte is kept that passes the limit.
 */
public final class BodyReader {
  private BodyReader() {}

  /** Other requests' bodies take up all memory that there is for them. */
  static final class NoMemory extends Exception {
    private static final long serialVersionUID = 1;

    private final transient BodyMemory.Wait predicted;

    private NoMemory(BodyMemory.Wait predicted) {
      super("no memory for the body", null, false, false);
      this.predicted = predicted;
    }

    /** Until there would have been room. */
    BodyMemory.Wait predicted() {
      return predicted;
    }
  }

  /** The body, for which there is room in any case. */
  public static Future<Buffer> read(
      Timers timers, HttpServerRequest request, int maxBytes, int timeoutMs) {
    BodyMemory.Share memory = new BodyMemory(maxBytes, () -> 0).open();
    return read(timers, request, maxBytes, new Limit(timeoutMs, () -> 0), memory);
  }

  /**
   * How long a body may take.
   *
   * @param lateNanos how long the event loop did not run since the body is read, and so could not
   *     have read what had arrived: that is not the client's
   */
  public record Limit(int millis, LongSupplier lateNanos) {}

  /** Fails what has not arrived in time. */
  private static final class Watch {
    private final Timers timers;
    private final Limit limit;
    private final Promise<Buffer> body;
    private long excusedMs;
    private Timer timer = Timer.NONE;

    Watch(Timers timers, Limit limit, Promise<Buffer> body) {
      this.timers = timers;
      this.limit = limit;
      this.body = body;
      arm(limit.millis());
    }

    private void arm(long millis) {
      timer = timers.after(millis, this::look);
    }

    /** As long as the loop did not run it has more, to read what lies there. */
    private void look() {
      long lateMs = TimeUnit.NANOSECONDS.toMillis(limit.lateNanos().getAsLong());
      long more = lateMs - excusedMs;
      if (more > 0) {
        excusedMs = lateMs;
        arm(more);
      } else {
        body.tryFail(tooSlow(limit.millis()));
      }
    }

    void end() {
      timer.cancel();
    }
  }

  private static ApiException tooSlow(int millis) {
    return new ApiException(ApiError.bodyTooSlow(millis));
  }

  /**
   * The body; fails with an {@link ApiException} when it is too large, too slow or not HTTP, with
   * {@link NoMemory} when its share has no room for it, and with another exception when the client
   * left.
   */
  public static Future<Buffer> read(
      Timers timers,
      HttpServerRequest request,
      int maxBytes,
      Limit limit,
      BodyMemory.Share memory) {
    Promise<Buffer> promise = Promise.promise();
    long declared = declaredLength(request);
    if (declared > maxBytes) {
      return Future.failedFuture(new ApiException(ApiError.bodyTooLarge(maxBytes)));
    }
    long announced = Math.max(0, declared);
    if (!memory.fits(announced)) {
      return Future.failedFuture(new NoMemory(memory.untilRoom(announced)));
    }
    Watch watch = new Watch(timers, limit, promise);
    Pieces body = new Pieces();
    request.handler(
        chunk -> {
          if (promise.future().isComplete()) {
            return;
          }
          if (body.length() + chunk.length() > maxBytes) {
            promise.tryFail(new ApiException(ApiError.bodyTooLarge(maxBytes)));
          } else if (memory.take(chunk.length())) {
            body.add(chunk);
          } else {
            promise.tryFail(
                new NoMemory(
                    memory.untilRoom(Math.max(chunk.length(), announced - body.length()))));
          }
        });
    request.exceptionHandler(
        cause ->
            promise.tryFail(
                ProtocolGuard.malformed(cause)
                    ? new ApiException(ProtocolGuard.unreadableBody())
                    : cause));
    request.endHandler(nothing -> promise.tryComplete(body.joined()));
    if ("100-continue".equalsIgnoreCase(request.getHeader("Expect"))) {
      request.response().writeContinue();
    }
    return promise.future().onComplete(done -> watch.end());
  }

  /** What the length header says; Netty has checked that it is a number. */
  private static long declaredLength(HttpServerRequest request) {
    @Nullable String length = request.getHeader("Content-Length");
    try {
      return length == null ? -1 : Long.parseLong(length);
    } catch (NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }
}

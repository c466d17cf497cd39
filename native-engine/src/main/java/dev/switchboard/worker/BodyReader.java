package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import io.vertx.core.Vertx;
import io.vertx.core.VertxException;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads a request body within its limits: refused by its declared length before anything is read,
 * by its real length after at most one network buffer too much, and when it takes too long.
 */
final class BodyReader {
  /** What was answered may come before the request: half a million tokens. */
  private static final int ANSWERED_BYTES = 4 << 20;

  private final Vertx vertx;
  private final int limitBytes;
  private final Duration timeout;

  BodyReader(Vertx vertx, int limitBytes, Duration timeout) {
    this.vertx = vertx;
    this.limitBytes = limitBytes;
    this.timeout = timeout;
  }

  /** Calls the consumer with the whole body, or answers the error itself. */
  void read(Exchange exchange, Consumer<Buffer> whole) {
    ApiError refusal = refusal(exchange.request());
    if (refusal != null) {
      exchange.errorAndClose(refusal);
      return;
    }
    if (exchange.request().headers().contains("Expect")) {
      exchange.response().writeContinue();
    }
    new Reading(exchange, whole).start();
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

  private int limit(HttpServerRequest request) {
    return request.getHeader(AnswerSoFar.HEADER) == null ? limitBytes : limitBytes + ANSWERED_BYTES;
  }

  private final class Reading {
    private final Exchange exchange;
    private final Consumer<Buffer> whole;
    private final Buffer body = Buffer.buffer();
    private long timer;
    private boolean refused;

    Reading(Exchange exchange, Consumer<Buffer> whole) {
      this.exchange = exchange;
      this.whole = whole;
    }

    void start() {
      timer = vertx.setTimer(timeout.toMillis(), expired -> expire());
      exchange.request().handler(this::append).endHandler(end -> finish());
      exchange.request().exceptionHandler(this::broke);
    }

    /** What was sent, or the connection's end. */
    private void broke(Throwable cause) {
      vertx.cancelTimer(timer);
      if (!refused && cause instanceof RuntimeException && !(cause instanceof VertxException)) {
        refuse(ApiError.malformed("The body is not valid HTTP/1.1."));
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
    }

    private void finish() {
      vertx.cancelTimer(timer);
      if (!refused) {
        whole.accept(body);
      }
    }

    private void expire() {
      if (!refused) {
        refuse(ApiError.invalid(null, "The body did not arrive in " + timeout.toSeconds() + " s."));
      }
    }

    private void refuse(ApiError error) {
      refused = true;
      vertx.cancelTimer(timer);
      exchange.errorAndClose(error);
    }
  }
}

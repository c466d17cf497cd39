package dev.switchboard.gateway.http;

import dev.switchboard.gateway.stream.Pieces;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import org.jspecify.annotations.Nullable;

/**
 * Reads a body whatever its content type says: {@code curl -d} sends JSON as a form. What is too
 * large is refused by its declared length, before a byte of it is read, or as soon as the limit is
 * passed.
 */
public final class BodyReader {
  private BodyReader() {}

  /**
   * The body; fails with an {@link ApiException} when it is too large or too slow, and with another
   * exception when the client left.
   */
  public static Future<Buffer> read(
      Vertx vertx, HttpServerRequest request, int maxBytes, int timeoutMs) {
    Promise<Buffer> promise = Promise.promise();
    if (declaredLength(request) > maxBytes) {
      return Future.failedFuture(new ApiException(ApiError.bodyTooLarge(maxBytes)));
    }
    long timer =
        vertx.setTimer(
            timeoutMs,
            id ->
                promise.tryFail(
                    new ApiException(
                        new ApiError(
                            408,
                            "invalid_request_error",
                            "request_timeout",
                            null,
                            "The body did not arrive within " + timeoutMs + " ms."))));
    Pieces body = new Pieces();
    request.handler(
        chunk -> {
          if (promise.future().isComplete()) {
            return;
          }
          if (body.length() + chunk.length() > maxBytes) {
            promise.tryFail(new ApiException(ApiError.bodyTooLarge(maxBytes)));
          } else {
            body.add(chunk);
          }
        });
    request.exceptionHandler(promise::tryFail);
    request.endHandler(nothing -> promise.tryComplete(body.joined()));
    if ("100-continue".equalsIgnoreCase(request.getHeader("Expect"))) {
      request.response().writeContinue();
    }
    return promise.future().onComplete(done -> vertx.cancelTimer(timer));
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

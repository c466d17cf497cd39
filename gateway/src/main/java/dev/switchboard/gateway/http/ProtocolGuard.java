package dev.switchboard.gateway.http;

import dev.switchboard.framing.RefusedHeadException;
import dev.switchboard.framing.RefusedHostException;
import dev.switchboard.framing.RefusedVersionException;
import dev.switchboard.openai.ApiError;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.vertx.core.VertxException;
import io.vertx.core.http.HttpServerRequest;
import org.jspecify.annotations.Nullable;

/** What a request's head must be, before anything else looks at it. */
public final class ProtocolGuard {
  private ProtocolGuard() {}

  /** Why the head is refused; null when it is fine. */
  public static @Nullable ApiError refusal(HttpServerRequest request) {
    if (!request.headers().contains("Content-Encoding")) {
      return null;
    }
    for (String encoding : request.headers().getAll("Content-Encoding")) {
      if (!encoding.equalsIgnoreCase("identity")) {
        return ApiError.unsupportedMediaType(
            "The body must not be encoded; Content-Encoding is not accepted.");
      }
    }
    return null;
  }

  static ApiError invalidHost() {
    return new ApiError(
        400,
        "invalid_request_error",
        "invalid_host",
        "Host",
        "A request must have exactly one valid Host header.");
  }

  /** Why Netty could not read the head. */
  public static ApiError unreadable(HttpServerRequest request, HttpConfig config) {
    Throwable cause = request.decoderResult().cause();
    if (cause instanceof TooLongHttpLineException) {
      return ApiError.uriTooLong(config.maxUriBytes());
    }
    if (cause instanceof TooLongHttpHeaderException) {
      return ApiError.headersTooLarge(config.maxHeaderBytes());
    }
    if (cause instanceof RefusedHostException) {
      return invalidHost();
    }
    if (cause instanceof RefusedVersionException refused) {
      return ApiError.versionNotSupported(String.valueOf(refused.getMessage()));
    }
    String what =
        cause instanceof RefusedHeadException refused
            ? String.valueOf(refused.getMessage())
            : "The request is not valid HTTP/1.1.";
    return malformed(what);
  }

  /** Whether it is what was sent that ended the reading, and not the connection's end. */
  static boolean malformed(Throwable cause) {
    return cause instanceof RuntimeException && !(cause instanceof VertxException);
  }

  /** What is said to a body whose chunks cannot be read. */
  public static ApiError unreadableBody() {
    return malformed("The body is not valid HTTP/1.1.");
  }

  private static ApiError malformed(String what) {
    return new ApiError(400, "invalid_request_error", "malformed_http", null, what);
  }
}

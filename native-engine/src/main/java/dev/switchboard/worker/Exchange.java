package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.timeline.AttemptId;
import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One HTTP request and its answer. On the event loop. */
final class Exchange {
  private static final int TOKEN_CHARS = 128;
  private static final String CACHE_SALT = "X-Switchboard-Cache-Salt";

  /** Version, trace, span and flags of W3C's trace context. */
  private static final Pattern TRACE_PARENT =
      Pattern.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.{0,64}");

  private final HttpServerRequest request;
  private final String requestId;
  private final long receivedNanos;
  private Future<Void> sent = Future.succeededFuture();

  /**
   * @param generatedId the id when the client sent none, or none that may be echoed
   */
  Exchange(HttpServerRequest request, String replica, String generatedId, long receivedNanos) {
    this.request = request;
    String given = request.getHeader("X-Request-Id");
    this.requestId = given != null && isVisibleAscii(given) ? given : generatedId;
    this.receivedNanos = receivedNanos;
    response().putHeader("X-Request-Id", requestId).putHeader("X-Switchboard-Replica", replica);
  }

  HttpServerRequest request() {
    return request;
  }

  HttpServerResponse response() {
    return request.response();
  }

  /** Without the query; empty when the target has none. */
  String path() {
    String path = request.path();
    return path == null ? "" : path;
  }

  String requestId() {
    return requestId;
  }

  /** The trace that it belongs to, as its {@code traceparent} says; null where none does. */
  @Nullable String traceId() {
    String parent = request.getHeader("traceparent");
    return parent != null && TRACE_PARENT.matcher(parent).matches()
        ? parent.substring(3, 35)
        : null;
  }

  /** What the gateway that sent it calls it; null for anybody else's. */
  @Nullable AttemptId attempt() {
    return AttemptId.of(request.getHeader(AttemptId.HEADER));
  }

  /** When the header had arrived, epoch nanoseconds. */
  long receivedNanos() {
    return receivedNanos;
  }

  /** Whether it has this method; HEAD counts as GET. Any other is answered 405. */
  boolean accepts(HttpMethod method) {
    HttpMethod own = request.method();
    if (own.equals(method) || (isHead() && method.equals(HttpMethod.GET))) {
      return true;
    }
    String allowed = method.equals(HttpMethod.GET) ? "GET, HEAD" : method.name();
    response().putHeader("Allow", allowed);
    error(ApiError.methodNotAllowed(allowed));
    return false;
  }

  private boolean isHead() {
    return request.method().equals(HttpMethod.HEAD);
  }

  void json(int status, String body) {
    answer(status, "application/json", body);
  }

  void answer(int status, String type, String body) {
    HttpServerResponse response = response();
    if (!response.ended() && !response.closed()) {
      if (isHead()) {
        int length = body.getBytes(StandardCharsets.UTF_8).length;
        response.putHeader("Content-Length", Integer.toString(length));
      }
      response.setStatusCode(status).putHeader("Content-Type", type);
      end(body);
    }
  }

  /** Writes the last of an answer. */
  Future<Void> end(String last) {
    sent = response().end(last);
    return sent;
  }

  /** When its answer, which has ended, is all in the socket, or never will be. */
  Future<Void> sent() {
    return sent;
  }

  /** Answers, and closes the connection where the body was not read to its end. */
  void error(ApiError error) {
    if (hasUnreadBody()) {
      errorAndClose(error);
    } else {
      json(error.status(), error.toJson());
    }
  }

  private boolean hasUnreadBody() {
    String length = request.getHeader("Content-Length");
    return !request.isEnded()
        && (request.getHeader("Transfer-Encoding") != null
            || (length != null && !length.equals("0")));
  }

  /** Answers and closes the connection: the rest of the request is not read. */
  void errorAndClose(ApiError error) {
    HttpServerResponse response = response();
    if (response.ended() || response.closed()) {
      return;
    }
    response
        .setStatusCode(error.status())
        .putHeader("Content-Type", "application/json")
        .putHeader("Connection", "close");
    end(error.toJson()).onComplete(done -> request.connection().close());
  }

  /** A header that is short and visible ASCII; else empty. */
  String token(String header) {
    String value = request.getHeader(header);
    return value != null && isVisibleAscii(value) ? value : "";
  }

  /**
   * The salt of its prefixes; empty where it says none.
   *
   * @throws ApiException when it is none: to do without it would share what was to be kept apart
   */
  String cacheSalt() {
    String salt = request.getHeader(CACHE_SALT);
    if (salt == null || salt.isEmpty()) {
      return "";
    }
    if (!isVisibleAscii(salt)) {
      throw new ApiException(
          ApiError.invalid(
              CACHE_SALT,
              CACHE_SALT + " must be at most " + TOKEN_CHARS + " visible ASCII characters."));
    }
    return salt;
  }

  private static boolean isVisibleAscii(String text) {
    return !text.isEmpty()
        && text.length() <= TOKEN_CHARS
        && text.chars().allMatch(c -> c > 0x20 && c < 0x7f);
  }
}

package dev.switchboard.gateway.http;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.http.HttpServerRequest;
import org.jspecify.annotations.Nullable;

/** The header that keeps the requests of a session together. */
final class SessionHeader {
  private static final String NAME = "X-Switchboard-Session";

  private SessionHeader() {}

  /**
   * The session's name; null where the request has none.
   *
   * @throws ApiException when it is not 1 to 128 visible ASCII characters
   */
  static @Nullable String read(HttpServerRequest request) {
    String value = request.getHeader(NAME);
    if (value != null && !value.matches("[\\x21-\\x7e]{1,128}")) {
      throw new ApiException(
          ApiError.invalid(NAME, NAME + " must be 1 to 128 visible ASCII characters."));
    }
    return value;
  }
}

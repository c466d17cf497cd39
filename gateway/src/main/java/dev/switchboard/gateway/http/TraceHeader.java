package dev.switchboard.gateway.http;

import dev.switchboard.gateway.telemetry.TraceDetail;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.http.HttpServerRequest;
import org.jspecify.annotations.Nullable;

/** The header by which a request asks for more, or less, detail in its trace. */
final class TraceHeader {
  private static final String NAME = "X-Switchboard-Trace";

  private TraceHeader() {}

  /**
   * What it asks for; null where the request has none.
   *
   * @throws ApiException when it is not 0 to 3
   */
  static @Nullable TraceDetail read(HttpServerRequest request) {
    String value = request.getHeader(NAME);
    if (value == null) {
      return null;
    }
    if (!value.matches("[0-3]")) {
      throw new ApiException(ApiError.invalid(NAME, NAME + " must be 0, 1, 2 or 3."));
    }
    return TraceDetail.of(value.charAt(0) - '0');
  }
}

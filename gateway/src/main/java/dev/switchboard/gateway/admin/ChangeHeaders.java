package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.identity.Caller;
import dev.switchboard.gateway.store.AuditEntry;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import io.vertx.core.http.HttpServerRequest;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the headers of a change say of it: why, and for whom. Percent-encoded where not ASCII. */
final class ChangeHeaders {
  static final String REASON = "X-Switchboard-Change-Reason";
  static final String ON_BEHALF_OF = "X-Switchboard-On-Behalf-Of";

  private static final int MOST_REASON_CHARS = 512;
  private static final int MOST_NAME_CHARS = 128;

  private ChangeHeaders() {}

  /** Their names, for a web page that may send them. */
  static Set<String> names() {
    return Set.of(REASON, ON_BEHALF_OF);
  }

  /**
   * Reads them.
   *
   * @throws ApiException naming the header, or when the caller may act for itself only
   */
  static AuditEntry.Why read(HttpServerRequest request, Caller caller) {
    String reason = text(request, REASON, MOST_REASON_CHARS);
    String onBehalfOf = text(request, ON_BEHALF_OF, MOST_NAME_CHARS);
    if (onBehalfOf != null && !caller.mayDelegate()) {
      throw new ApiException(
          ApiError.forbidden(ON_BEHALF_OF + " needs a key that was made with delegate."));
    }
    return new AuditEntry.Why(reason, onBehalfOf);
  }

  private static @Nullable String text(HttpServerRequest request, String header, int mostChars) {
    String sent = request.getHeader(header);
    if (sent == null) {
      return null;
    }
    String text = decoded(sent);
    if (text == null
        || text.isBlank()
        || text.length() > mostChars
        || text.chars().anyMatch(Character::isISOControl)) {
      throw new ApiException(
          ApiError.invalid(
              header,
              header + " must be 1 to " + mostChars + " characters, percent-encoded as UTF-8."));
    }
    return text;
  }

  private static @Nullable String decoded(String sent) {
    try {
      return URLDecoder.decode(sent.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException malformed) {
      return null;
    }
  }
}

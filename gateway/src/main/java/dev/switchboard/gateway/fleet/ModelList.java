package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Whether an answer to {@code GET /v1/models} proves that a server of models is there. A JSON
 * object does, or a list, which some hosts answer, and so does a 429: it counts requests. A 404 or
 * 405 that is no page does too, since servers of embeddings have no such list.
 */
final class ModelList {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ASKED = "GET /v1/models ";

  private ModelList() {}

  /**
   * What is wrong with it.
   *
   * @param type its {@code Content-Type}; null for none
   * @return null when it proves the server
   */
  static @Nullable String complaint(int status, @Nullable String type, byte[] body) {
    return switch (status) {
      case 200 -> json(body) ? null : ASKED + "answered no JSON object" + told(type);
      case 429 -> null;
      case 401, 403 -> "it refused the gateway's key (status " + status + ")";
      case 404, 405 ->
          body.length == 0 || json(body)
              ? null
              : ASKED + "answered status " + status + " and no JSON" + told(type);
      default -> ASKED + "answered status " + status;
    };
  }

  private static String told(@Nullable String type) {
    return type != null && type.matches("[\\x21-\\x7e ]{1,60}") ? " but " + type : "";
  }

  /** An object or a list, and nothing behind it. */
  private static boolean json(byte[] body) {
    try (JsonParser parser = JSON.createParser(body)) {
      JsonToken first = parser.nextToken();
      if (first == null || !first.isStructStart()) {
        return false;
      }
      parser.skipChildren();
      JsonToken last = parser.currentToken();
      return last != null && last.isStructEnd() && parser.nextToken() == null;
    } catch (IOException e) {
      return false;
    }
  }
}

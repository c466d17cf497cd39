package dev.switchboard.gateway.bench;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a gateway's log says of a request that ended: its line {@code request_end}.
 *
 * @param id the client's own
 * @param outcome label of it
 * @param status that was sent; 0 when the client left before one was
 * @param promptTokens 0 where nobody said, as with completionTokens
 * @param pieces of content that came from replicas
 */
public record RequestEnd(
    String id, String outcome, int status, int promptTokens, int completionTokens, int pieces) {
  private static final String EVENT = "request_end ";

  /**
   * Of a line of a gateway's log; null where it tells something else.
   *
   * @throws IllegalArgumentException when it lacks a field, or one is not a number
   */
  public static @Nullable RequestEnd of(String line) {
    int at = line.indexOf(EVENT);
    if (at < 0) {
      return null;
    }
    Map<String, String> fields = new HashMap<>();
    for (String field : line.substring(at + EVENT.length()).split(" ", -1)) {
      int equals = field.indexOf('=');
      fields.put(field.substring(0, Math.max(0, equals)), field.substring(equals + 1));
    }
    return new RequestEnd(
        field(fields, "request"),
        field(fields, "outcome"),
        Integer.parseInt(field(fields, "status")),
        Integer.parseInt(field(fields, "prompt_tokens")),
        Integer.parseInt(field(fields, "completion_tokens")),
        Integer.parseInt(field(fields, "pieces")));
  }

  private static String field(Map<String, String> fields, String name) {
    String value = fields.get(name);
    if (value == null) {
      throw new IllegalArgumentException("request_end has no " + name + ": " + fields);
    }
    return value;
  }
}

package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A part of a list that is sorted by name: {@code limit} of those after the name {@code after}. */
final class Page {
  static final int DEFAULT_LIMIT = 100;
  static final int MAX_LIMIT = 1000;

  private Page() {}

  /** How many the request asks for. */
  static int limit(RoutingContext context) {
    return JsonInput.number(context, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT);
  }

  /** Answers the part that the query asks for. */
  static <T> void answer(
      RoutingContext context,
      String field,
      List<T> sorted,
      Function<T, String> name,
      Function<T, ? extends JsonNode> json) {
    AdminServer.answer(context, of(context, field, sorted, name, json));
  }

  /** The part that the query asks for; {@code next} is where the following one begins. */
  static <T> ObjectNode of(
      RoutingContext context,
      String field,
      List<T> sorted,
      Function<T, String> name,
      Function<T, ? extends JsonNode> json) {
    int limit = limit(context);
    @Nullable String after = JsonInput.query(context, "after");
    ObjectNode answer = JsonNodeFactory.instance.objectNode();
    ArrayNode array = answer.putArray(field);
    @Nullable String last = null;
    for (T each : sorted) {
      if (after != null && name.apply(each).compareTo(after) <= 0) {
        continue;
      }
      if (array.size() == limit) {
        answer.put("next", last);
        break;
      }
      array.add(json.apply(each));
      last = name.apply(each);
    }
    return answer;
  }
}

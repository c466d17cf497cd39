package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Takes out of a schema what its refusal names, so that the rest of it may be taken. */
final class Loosening {
  private static final Pattern STEP = Pattern.compile("\\[(\\d+)]|[^.\\[\\]]+");

  /** What makes one schema of several: the refusal names what came of it, which stands nowhere. */
  private static final List<String> JOINING = List.of("allOf", "oneOf", "anyOf");

  private Loosening() {}

  /**
   * A list loses its last element, or the one that is named; anything else is removed.
   *
   * @param path of the refusal
   * @return whether there was something to take out
   */
  static boolean of(ObjectNode schema, String path) {
    ObjectNode holder = schema;
    String keyword = "";
    int element = -1;
    JsonNode at = schema;
    for (MatchResult step : STEP.matcher(path).results().toList()) {
      boolean indexed = step.group(1) != null;
      JsonNode next = indexed ? at.path(Integer.parseInt(step.group(1))) : at.path(step.group());
      if (next.isMissingNode()) {
        return joined(at) || takeOut(holder, keyword, element);
      }
      if (at instanceof ObjectNode object) {
        holder = object;
        keyword = step.group();
      }
      element = indexed ? Integer.parseInt(step.group(1)) : -1;
      at = next;
    }
    return joined(at) || takeOut(holder, keyword, element);
  }

  private static boolean joined(JsonNode schema) {
    return schema instanceof ObjectNode object
        && JOINING.stream().anyMatch(word -> takeOut(object, word, -1));
  }

  private static boolean takeOut(ObjectNode holder, String keyword, int element) {
    JsonNode value = holder.get(keyword);
    if (value instanceof ArrayNode list && list.size() > 1) {
      list.remove(element < 0 ? list.size() - 1 : element);
      return true;
    }
    return value != null && holder.remove(keyword) != null;
  }
}

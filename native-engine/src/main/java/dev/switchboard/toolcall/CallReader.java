package dev.switchboard.toolcall;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Tells an object that is a call from one that only looks like one. */
final class CallReader {
  /** What a call may have. */
  static final Set<String> MEMBERS = Set.of("name", "arguments", "parameters", "id", "type");

  private static final ObjectReader JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
          .build()
          .readerFor(JsonNode.class);

  private final Set<String> functions;

  /**
   * @param functions names that the model was offered
   */
  CallReader(Set<String> functions) {
    this.functions = Set.copyOf(functions);
  }

  /**
   * The call that a complete object is; null when it is none.
   *
   * @param marked whether it stood behind a marker: text that is an object by chance has none, so
   *     it must have arguments, and nothing that calls do not have
   */
  @Nullable FunctionCall read(String object, ObjectScanner scanner, boolean marked) {
    JsonNode call = parse(object);
    if (call == null || !functions.contains(call.path("name").asText(""))) {
      return null;
    }
    boolean both = call.has("arguments") && call.has("parameters");
    boolean bare = !call.has("arguments") && !call.has("parameters");
    if (both || (!marked && (bare || !onlyMembers(call)))) {
      return null;
    }
    String arguments = bare ? "{}" : arguments(call, object, scanner);
    String id = call.path("id").isTextual() ? call.path("id").textValue() : null;
    return arguments == null ? null : new FunctionCall(call.get("name").asText(), arguments, id);
  }

  /**
   * The call that an object will be whose arguments have just begun; null when that is not known
   * yet.
   *
   * @param object as far as it came
   */
  @Nullable FunctionCall head(String object, ObjectScanner scanner, boolean marked) {
    String name = text(object, scanner.name());
    if (name == null || !functions.contains(name) || (!marked && scanner.hasOthers())) {
      return null;
    }
    return new FunctionCall(name, "", text(object, scanner.id()));
  }

  private static @Nullable String text(String object, ObjectScanner.@Nullable Range range) {
    JsonNode value = range == null ? null : parse(object.substring(range.start(), range.end()));
    return value == null ? null : value.textValue();
  }

  private static boolean onlyMembers(JsonNode call) {
    for (String name : (Iterable<String>) call::fieldNames) {
      if (!MEMBERS.contains(name)) {
        return false;
      }
    }
    return true;
  }

  private static @Nullable String arguments(JsonNode call, String object, ObjectScanner scanner) {
    boolean older = call.has("arguments");
    JsonNode value = call.path(older ? "arguments" : "parameters");
    ObjectScanner.Range range = older ? scanner.arguments() : scanner.parameters();
    if (value.isNull()) {
      return "{}";
    }
    // Some models write the arguments as they see them in the API: as the text of an object.
    if (value.isTextual()) {
      JsonNode nested = parse(value.textValue());
      return nested != null && nested.isObject() ? value.textValue() : null;
    }
    return value.isObject() && range != null ? object.substring(range.start(), range.end()) : null;
  }

  private static @Nullable JsonNode parse(String json) {
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException broken) {
      return null;
    }
  }
}

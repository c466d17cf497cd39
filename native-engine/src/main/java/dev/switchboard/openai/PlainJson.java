package dev.switchboard.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A JSON tree as plain Java values, in the order of the text: maps, lists, strings, {@code Long} or
 * {@code BigInteger}, {@code Double}, booleans and null.
 */
final class PlainJson {
  private PlainJson() {}

  static Map<String, @Nullable Object> map(ObjectNode object) {
    Map<String, @Nullable Object> map = LinkedHashMap.newLinkedHashMap(object.size());
    for (Map.Entry<String, JsonNode> member : object.properties()) {
      map.put(text(member.getKey()), value(member.getValue()));
    }
    return map;
  }

  static @Nullable Object value(JsonNode node) {
    return switch (node.getNodeType()) {
      case OBJECT -> map((ObjectNode) node);
      case ARRAY -> list(node);
      case STRING -> text(node.textValue());
      case BOOLEAN -> node.booleanValue();
      case NUMBER -> number(node);
      case NULL, MISSING, BINARY, POJO -> null;
    };
  }

  private static List<@Nullable Object> list(JsonNode array) {
    List<@Nullable Object> list = new ArrayList<>(array.size());
    for (JsonNode element : array) {
      list.add(value(element));
    }
    return list;
  }

  private static Number number(JsonNode node) {
    if (!node.isIntegralNumber()) {
      return node.doubleValue();
    }
    return node.canConvertToLong() ? node.longValue() : node.bigIntegerValue();
  }

  /** The text with every unpaired surrogate, which UTF-8 cannot carry, replaced by U+FFFD. */
  static String text(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        return repaired(text);
      }
    }
    return text;
  }

  private static String repaired(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints()
        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xfffd : c)
        .forEach(out::appendCodePoint);
    return out.toString();
  }
}

package dev.switchboard.chat;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Values as Python's {@code json.dumps} writes them, the way Hugging Face binds it to the filter
 * {@code tojson}: nothing escaped for HTML, non-ASCII characters kept.
 */
final class JsonText {
  private final Budget budget;
  private final TextBuilder out;
  private final boolean asciiOnly;
  private final boolean sortKeys;
  private final @Nullable Text indent;
  private final Text itemSeparator;
  private final Text keySeparator;

  private JsonText(Budget budget, Arguments arguments) {
    this.budget = budget;
    this.out = new TextBuilder(budget);
    this.asciiOnly = arguments.flag(0, "ensure_ascii", false);
    this.indent = indent(arguments.get(1, "indent", None.NONE));
    this.sortKeys = arguments.flag(3, "sort_keys", false);
    List<Object> separators = Values.sequence(arguments.get(2, "separators", None.NONE));
    if (separators != null && separators.size() == 2) {
      this.itemSeparator = Values.requireText(separators.get(0));
      this.keySeparator = Values.requireText(separators.get(1));
    } else {
      this.itemSeparator = Text.literal(indent == null ? ", " : ",");
      this.keySeparator = Text.literal(": ");
    }
  }

  static Text write(Object value, Arguments arguments, Budget budget) {
    JsonText json = new JsonText(budget, arguments);
    json.append(value, 0);
    return json.out.toText();
  }

  private @Nullable Text indent(Object indent) {
    return switch (indent) {
      case None none -> null;
      case Text text -> text;
      default ->
          new TextBuilder(budget).repeat(Text.literal(" "), Values.requireInteger(indent)).toText();
    };
  }

  private void append(Object value, int depth) {
    budget.step();
    budget.depth(depth);
    switch (value) {
      case None none -> out.append("null");
      case Boolean flag -> out.append(flag ? "true" : "false");
      case Long number -> out.append(number.toString());
      case BigInteger number -> out.append(number.toString());
      case Double number -> out.append(real(number));
      case Text text -> appendString(text);
      case List<?> list -> appendList(list, depth);
      case Tuple tuple -> appendList(tuple.items(), depth);
      case Map<?, ?> map -> appendMap(map, depth);
      default ->
          throw new Fault("object of type " + Values.typeName(value) + " is not JSON serializable");
    }
  }

  private static String real(double number) {
    if (Double.isNaN(number)) {
      return "NaN";
    }
    return Double.isInfinite(number)
        ? (number > 0 ? "Infinity" : "-Infinity")
        : Numbers.repr(number);
  }

  private void appendList(List<?> items, int depth) {
    if (items.isEmpty()) {
      out.append("[]");
      return;
    }
    out.append("[");
    boolean first = true;
    for (Object item : items) {
      startItem(first, depth + 1);
      append(item, depth + 1);
      first = false;
    }
    newLine(depth);
    out.append("]");
  }

  private void appendMap(Map<?, ?> map, int depth) {
    if (map.isEmpty()) {
      out.append("{}");
      return;
    }
    out.append("{");
    boolean first = true;
    for (Map.Entry<?, ?> entry : entries(map)) {
      startItem(first, depth + 1);
      appendKey(entry.getKey());
      out.append(keySeparator);
      append(entry.getValue(), depth + 1);
      first = false;
    }
    newLine(depth);
    out.append("}");
  }

  private List<Map.Entry<?, ?>> entries(Map<?, ?> map) {
    List<Map.Entry<?, ?>> entries = new ArrayList<>(map.entrySet());
    if (sortKeys) {
      entries.sort((a, b) -> Values.compare(a.getKey(), b.getKey(), budget));
    }
    return entries;
  }

  private void appendKey(Object key) {
    switch (key) {
      case Text text -> appendString(text);
      case None none -> out.append("\"null\"");
      case Boolean flag -> out.append(flag ? "\"true\"" : "\"false\"");
      case Double number -> out.append("\"" + real(number) + "\"");
      default -> out.append("\"" + key + "\"");
    }
  }

  private void startItem(boolean first, int depth) {
    if (!first) {
      out.append(itemSeparator);
    }
    newLine(depth);
  }

  private void newLine(int depth) {
    if (indent != null) {
      out.append("\n").repeat(indent, depth);
    }
  }

  private void appendString(Text text) {
    out.append("\"");
    String value = text.value();
    int clean = 0;
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c >= 0x20 && c != '"' && c != '\\' && (c < 0x7f || !asciiOnly)) {
        continue;
      }
      out.append(text, clean, i).append(escape(c), text.isUser(i));
      clean = i + 1;
    }
    out.append(text, clean, value.length()).append("\"");
  }

  private static String escape(char c) {
    return switch (c) {
      case '"' -> "\\\"";
      case '\\' -> "\\\\";
      case '\n' -> "\\n";
      case '\r' -> "\\r";
      case '\t' -> "\\t";
      case '\f' -> "\\f";
      case '\b' -> "\\b";
      default -> {
        String hex = Integer.toHexString(c);
        yield "\\u" + "0".repeat(4 - hex.length()) + hex;
      }
    };
  }
}

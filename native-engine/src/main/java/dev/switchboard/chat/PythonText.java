package dev.switchboard.chat;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Values as Python prints them: {@code str()} and {@code repr()}. */
final class PythonText {
  private PythonText() {}

  static Text str(Object value, Budget budget) {
    return switch (value) {
      case Text text -> text;
      case Undefined undefined -> Text.EMPTY;
      default -> {
        TextBuilder out = new TextBuilder(budget);
        appendRepr(out, value, budget, 0);
        yield out.toText();
      }
    };
  }

  static void appendStr(TextBuilder out, Object value, Budget budget) {
    switch (value) {
      case Text text -> out.append(text);
      case Undefined undefined -> {}
      default -> appendRepr(out, value, budget, 0);
    }
  }

  static Text repr(Object value, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    appendRepr(out, value, budget, 0);
    return out.toText();
  }

  private static void appendRepr(TextBuilder out, Object value, Budget budget, int depth) {
    budget.step();
    budget.depth(depth);
    switch (value) {
      case None none -> out.append("None");
      case Undefined undefined -> out.append("Undefined");
      case Boolean flag -> out.append(flag ? "True" : "False");
      case Long number -> out.append(number.toString());
      case BigInteger number -> out.append(number.toString());
      case Double number -> out.append(Numbers.repr(number));
      case Text text -> appendQuoted(out, text);
      case List<?> list -> appendItems(out.append("["), list, budget, depth).append("]");
      case Tuple(List<Object> items) ->
          appendItems(out.append("("), items, budget, depth).append(items.size() == 1 ? ",)" : ")");
      case Map<?, ?> map -> appendMap(out, map, budget, depth);
      case Namespace namespace -> {
        out.append("<Namespace ");
        appendMap(out, Values.map(literalKeys(namespace)), budget, depth);
        out.append(">");
      }
      default -> out.append("<" + Values.typeName(value) + ">");
    }
  }

  private static Map<Object, Object> literalKeys(Namespace namespace) {
    Map<Object, Object> map = new LinkedHashMap<>();
    namespace.attributes().forEach((name, value) -> map.put(Text.literal(name), value));
    return map;
  }

  private static TextBuilder appendItems(TextBuilder out, List<?> items, Budget budget, int depth) {
    boolean first = true;
    for (Object item : items) {
      out.append(first ? "" : ", ");
      appendRepr(out, item, budget, depth + 1);
      first = false;
    }
    return out;
  }

  private static void appendMap(TextBuilder out, Map<?, ?> map, Budget budget, int depth) {
    String separator = "{";
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      appendRepr(out.append(separator), entry.getKey(), budget, depth + 1);
      appendRepr(out.append(": "), entry.getValue(), budget, depth + 1);
      separator = ", ";
    }
    out.append(map.isEmpty() ? "{}" : "}");
  }

  /** Single quotes, unless only double ones avoid escaping. */
  private static void appendQuoted(TextBuilder out, Text text) {
    String value = text.value();
    char quote = value.indexOf('\'') >= 0 && value.indexOf('"') < 0 ? '"' : '\'';
    out.append(String.valueOf(quote));
    for (int i = 0; i < value.length(); ) {
      int c = value.codePointAt(i);
      int next = i + Character.charCount(c);
      if (c == quote || c == '\\' || !Characters.isPrintable(c)) {
        out.append(escape(c), text.isUser(i));
      } else {
        out.append(text, i, next);
      }
      i = next;
    }
    out.append(String.valueOf(quote));
  }

  private static String escape(int c) {
    return switch (c) {
      case '\n' -> "\\n";
      case '\r' -> "\\r";
      case '\t' -> "\\t";
      case '\\', '\'', '"' -> "\\" + (char) c;
      default -> c < 0x100 ? hex("\\x", 2, c) : c < 0x10000 ? hex("\\u", 4, c) : hex("\\U", 8, c);
    };
  }

  private static String hex(String prefix, int digits, int c) {
    String hex = Integer.toHexString(c);
    return prefix + "0".repeat(digits - hex.length()) + hex;
  }
}

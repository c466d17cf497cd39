package dev.switchboard.chat;

/** Python's {@code format.format(…)}, without fields inside of fields. */
final class BraceFormat {
  private final Text format;
  private final Arguments arguments;
  private final Budget budget;
  private final TextBuilder out;
  private int automatic;

  private BraceFormat(Text format, Arguments arguments, Budget budget) {
    this.format = format;
    this.arguments = arguments;
    this.budget = budget;
    this.out = new TextBuilder(budget);
  }

  static Text format(Text format, Arguments arguments, Budget budget) {
    return new BraceFormat(format, arguments, budget).run();
  }

  private Text run() {
    String text = format.value();
    int at = 0;
    while (at < text.length()) {
      char c = text.charAt(at);
      boolean twice = at + 1 < text.length() && text.charAt(at + 1) == c;
      if (c != '{' && c != '}') {
        int end = plainEnd(text, at);
        out.append(format, at, end);
        at = end;
      } else if (twice) {
        out.append(format, at, at + 1);
        at += 2;
      } else {
        at = field(text, at);
      }
    }
    return out.toText();
  }

  private static int plainEnd(String text, int from) {
    int end = from;
    while (end < text.length() && text.charAt(end) != '{' && text.charAt(end) != '}') {
      end++;
    }
    return end;
  }

  private int field(String text, int at) {
    int end = text.indexOf('}', at);
    if (text.charAt(at) == '}' || end < 0) {
      throw new Fault("a single brace in a format string");
    }
    String field = text.substring(at + 1, end);
    int colon = field.indexOf(':');
    String spec = colon < 0 ? "" : field.substring(colon + 1);
    String head = colon < 0 ? field : field.substring(0, colon);
    int bang = head.indexOf('!');
    Object value = value(bang < 0 ? head : head.substring(0, bang));
    String conversion = bang < 0 ? "" : head.substring(bang + 1);
    out.append(shown(converted(value, conversion), spec));
    return end + 1;
  }

  /** The value of {@code name}, {@code name.attribute} or {@code name[element]}, and so on. */
  private Object value(String path) {
    int at = nameEnd(path, 0);
    Object value = argument(path.substring(0, at));
    while (at < path.length()) {
      boolean bracket = path.charAt(at) == '[';
      int end = bracket ? path.indexOf(']', at) : nameEnd(path, at + 1);
      if (end <= at + 1) {
        throw new Fault("a malformed field in a format string");
      }
      String name = path.substring(at + 1, end);
      value =
          bracket
              ? Attributes.item(
                  value, isIndex(name) ? Long.valueOf(name) : Text.literal(name), budget)
              : Attributes.attribute(value, name);
      at = bracket ? end + 1 : end;
    }
    return value;
  }

  private static int nameEnd(String path, int from) {
    int end = from;
    while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
      end++;
    }
    return end;
  }

  private static boolean isIndex(String name) {
    return !name.isEmpty() && name.length() < 6 && name.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  private Object argument(String name) {
    if (name.isEmpty()) {
      return positional(automatic++);
    }
    if (isIndex(name)) {
      return positional(Integer.parseInt(name));
    }
    Object value = arguments.named().get(name);
    if (value == null) {
      throw new Fault("a format field has no value");
    }
    return value;
  }

  private Object positional(int index) {
    if (index >= arguments.positional().size()) {
      throw new Fault("not enough values for the format string");
    }
    return arguments.positional().get(index);
  }

  private Object converted(Object value, String conversion) {
    return switch (conversion) {
      case "" -> value;
      case "s" -> PythonText.str(value, budget);
      case "r", "a" -> PythonText.repr(value, budget);
      default -> throw new Fault("unknown conversion in a format string");
    };
  }

  private Text shown(Object value, String spec) {
    if (spec.isEmpty()) {
      return PythonText.str(value, budget);
    }
    FieldFormat field = FieldFormat.ofBraces(spec);
    return switch (value) {
      case Text text -> field.pad(typed(text, field, "s"), false, budget);
      case Boolean flag -> number(flag ? 1L : 0L, field);
      case Long integer -> number(integer, field);
      case Double real -> number(real, field);
      default -> throw new Fault("'" + Values.typeName(value) + "' takes no format");
    };
  }

  private Text number(Number value, FieldFormat field) {
    boolean real = value instanceof Double;
    typed(value, field, real ? "eEfFgGn%" : "bcdeEfFgGnoxX%");
    char form =
        switch (field.type()) {
          case '\0' -> real ? 'r' : 'd';
          case 'n' -> real ? 'g' : 'd';
          default -> field.type();
        };
    return field.pad(
        form == 'c' ? PercentFormat.character(value.longValue()) : field.number(value, form),
        true,
        budget);
  }

  private static <T> T typed(T value, FieldFormat field, String types) {
    if (field.type() != '\0' && types.indexOf(field.type()) < 0) {
      throw new Fault(
          "unknown format code '" + field.type() + "' for '" + Values.typeName(value) + "'");
    }
    return value;
  }
}

package dev.switchboard.chat;

/** Python's {@code format.format(…)}, without attributes and elements of its arguments. */
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
    out.append(shown(converted(value, conversion), FieldFormat.ofBraces(spec)));
    return end + 1;
  }

  private Object value(String name) {
    if (name.isEmpty()) {
      return positional(automatic++);
    }
    if (name.length() < 6 && name.chars().allMatch(Character::isDigit)) {
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

  private Text shown(Object value, FieldFormat field) {
    boolean numeric = value instanceof Number;
    boolean typed = numeric && field.type() != '\0' && field.type() != 's';
    Text text =
        typed ? field.number(value, field.type()) : numeric ? plain(value, field) : str(value);
    return field.pad(text, numeric, budget);
  }

  private Text plain(Object value, FieldFormat field) {
    return value instanceof Long ? field.number(value, 'd') : str(value);
  }

  private Text str(Object value) {
    return PythonText.str(value, budget);
  }
}

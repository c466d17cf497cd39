package dev.switchboard.toolcall;

import org.jspecify.annotations.Nullable;

/**
 * Checks one JSON object character by character, so that the first one that cannot belong to it is
 * known at once, and notes where the values of its outermost members lie.
 *
 * <p>A pushdown automaton by hand: the stack is a bit for each level, object or array.
 */
final class ObjectScanner {
  /** Deeper objects are no calls. */
  static final int MAX_DEPTH = 60;

  private static final String NAME = "name";
  private static final String ID = "id";
  private static final String ARGUMENTS = "arguments";
  private static final String PARAMETERS = "parameters";

  /** Where the scan stands. */
  enum Status {
    OPEN,
    COMPLETE,
    INVALID
  }

  /** What may come next. */
  private enum Expect {
    FIRST_KEY,
    KEY,
    COLON,
    FIRST_VALUE,
    VALUE,
    AFTER_VALUE,
    STRING,
    ESCAPE,
    HEX,
    LITERAL,
    MINUS,
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    EXPONENT_DIGITS
  }

  /** Half-open range in the object's text. */
  record Range(int start, int end) {}

  private Expect expect = Expect.VALUE;
  private long objects;
  private int depth;
  private int position;
  private boolean stringIsKey;
  private int hexLeft;
  private String literal = "";
  private int literalAt;

  private final StringBuilder key = new StringBuilder();
  private int valueStart;
  private int argumentsBegin = -1;
  private int argumentsEnd = -1;
  private boolean hasOthers;
  private @Nullable Range name;
  private @Nullable Range id;
  private @Nullable Range arguments;
  private @Nullable Range parameters;

  /** Takes the next character, the first one being the opening brace. */
  Status next(char c) {
    boolean good = step(c);
    position++;
    if (!good) {
      return Status.INVALID;
    }
    return depth == 0 ? Status.COMPLETE : Status.OPEN;
  }

  /** Whether the last character began an object that is the value of the arguments, the first. */
  boolean beginsArguments() {
    return argumentsBegin >= 0 && argumentsBegin == position - 1;
  }

  /** Where that value begins; -1 when there was none. */
  int argumentsBegin() {
    return argumentsBegin;
  }

  /** Where it ends; -1 while it has not. */
  int argumentsEnd() {
    return argumentsEnd;
  }

  /** Whether there was a member that calls do not have. */
  boolean hasOthers() {
    return hasOthers;
  }

  /** Where the value of {@code name} lies; null when there was none. */
  @Nullable Range name() {
    return name;
  }

  /** Where the value of {@code id} lies; null when there was none. */
  @Nullable Range id() {
    return id;
  }

  /** Where the value of {@code arguments} lies; null when there was none. */
  @Nullable Range arguments() {
    return arguments;
  }

  /** Where the value of {@code parameters} lies; null when there was none. */
  @Nullable Range parameters() {
    return parameters;
  }

  private boolean step(char c) {
    return switch (expect) {
      case STRING -> inString(c);
      case ESCAPE -> escaped(c);
      case HEX -> hex(c);
      case LITERAL -> literal(c);
      case MINUS, ZERO, DIGITS, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, EXPONENT_DIGITS ->
          number(c);
      case FIRST_KEY, KEY, COLON, FIRST_VALUE, VALUE, AFTER_VALUE ->
          c == ' ' || c == '\n' || c == '\r' || c == '\t' || structure(c);
    };
  }

  private boolean structure(char c) {
    return switch (expect) {
      case FIRST_KEY -> c == '}' ? close() : key(c);
      case KEY -> key(c);
      case COLON -> expectIf(c == ':', Expect.VALUE);
      case FIRST_VALUE -> c == ']' ? close() : value(c);
      case VALUE -> value(c);
      default -> afterValue(c);
    };
  }

  private boolean expectIf(boolean good, Expect then) {
    expect = then;
    return good;
  }

  private boolean key(char c) {
    stringIsKey = true;
    if (depth == 1) {
      key.setLength(0);
    }
    return expectIf(c == '"', Expect.STRING);
  }

  private boolean value(char c) {
    if (depth == 1) {
      valueStart = position;
      boolean isArguments = ARGUMENTS.contentEquals(key) || PARAMETERS.contentEquals(key);
      argumentsBegin = isArguments && c == '{' && argumentsBegin < 0 ? position : argumentsBegin;
    }
    return switch (c) {
      case '{' -> open(true);
      case '[' -> depth > 0 && open(false);
      case '"' -> {
        stringIsKey = false;
        yield expectIf(true, Expect.STRING);
      }
      case 't' -> begin("true");
      case 'f' -> begin("false");
      case 'n' -> begin("null");
      case '-' -> expectIf(true, Expect.MINUS);
      case '0' -> expectIf(true, Expect.ZERO);
      default -> expectIf(c >= '1' && c <= '9', Expect.DIGITS);
    };
  }

  private boolean begin(String word) {
    literal = word;
    literalAt = 1;
    return expectIf(true, Expect.LITERAL);
  }

  private boolean open(boolean object) {
    objects = objects << 1 | (object ? 1 : 0);
    depth++;
    return expectIf(depth <= MAX_DEPTH, object ? Expect.FIRST_KEY : Expect.FIRST_VALUE);
  }

  private boolean close() {
    objects >>>= 1;
    depth--;
    return ended(position + 1);
  }

  private boolean afterValue(char c) {
    boolean object = (objects & 1) == 1;
    if (c == ',') {
      return expectIf(true, object ? Expect.KEY : Expect.VALUE);
    }
    return c == (object ? '}' : ']') && close();
  }

  /** A value ended before the given position. */
  private boolean ended(int end) {
    if (depth == 1) {
      Range range = new Range(valueStart, end);
      argumentsEnd = valueStart == argumentsBegin ? end : argumentsEnd;
      if (ARGUMENTS.contentEquals(key)) {
        arguments = range;
      } else if (PARAMETERS.contentEquals(key)) {
        parameters = range;
      } else if (NAME.contentEquals(key)) {
        name = range;
      } else if (ID.contentEquals(key)) {
        id = range;
      }
    }
    return expectIf(true, Expect.AFTER_VALUE);
  }

  private boolean inString(char c) {
    if (c == '"') {
      hasOthers |= stringIsKey && depth == 1 && !CallReader.MEMBERS.contains(key.toString());
      return stringIsKey ? expectIf(true, Expect.COLON) : ended(position + 1);
    }
    if (stringIsKey && depth == 1 && key.length() <= PARAMETERS.length()) {
      key.append(c);
    }
    return c == '\\' ? expectIf(true, Expect.ESCAPE) : c >= 0x20;
  }

  private boolean escaped(char c) {
    hexLeft = 4;
    return c == 'u'
        ? expectIf(true, Expect.HEX)
        : expectIf("\"\\/bfnrt".indexOf(c) >= 0, Expect.STRING);
  }

  private boolean hex(char c) {
    return expectIf(
        Character.digit(c, 16) >= 0 && c < 0x80, --hexLeft == 0 ? Expect.STRING : Expect.HEX);
  }

  private boolean literal(char c) {
    if (c != literal.charAt(literalAt++)) {
      return false;
    }
    return literalAt < literal.length() || ended(position + 1);
  }

  private boolean number(char c) {
    boolean digit = c >= '0' && c <= '9';
    boolean exponent = c == 'e' || c == 'E';
    return switch (expect) {
      case MINUS -> expectIf(digit, c == '0' ? Expect.ZERO : Expect.DIGITS);
      case ZERO -> fraction(c, exponent);
      case DIGITS -> digit || fraction(c, exponent);
      case POINT -> expectIf(digit, Expect.FRACTION);
      case FRACTION -> digit || (exponent ? expectIf(true, Expect.EXPONENT) : endNumber(c));
      case EXPONENT ->
          expectIf(
              digit || c == '+' || c == '-', digit ? Expect.EXPONENT_DIGITS : Expect.EXPONENT_SIGN);
      case EXPONENT_SIGN -> expectIf(digit, Expect.EXPONENT_DIGITS);
      default -> digit || endNumber(c);
    };
  }

  private boolean fraction(char c, boolean exponent) {
    if (c == '.') {
      return expectIf(true, Expect.POINT);
    }
    return exponent ? expectIf(true, Expect.EXPONENT) : endNumber(c);
  }

  /** A number ends before the character that does not belong to it. */
  private boolean endNumber(char c) {
    ended(position);
    return step(c);
  }
}

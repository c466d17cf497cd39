package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.choice;
import static dev.switchboard.constraint.Expression.many;
import static dev.switchboard.constraint.Expression.optional;
import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Characters;
import dev.switchboard.constraint.Expression.Count;
import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Repeat;
import dev.switchboard.constraint.Expression.Rule;
import dev.switchboard.constraint.Expression.Symbol;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * JSON itself, for every constraint that has JSON in it.
 *
 * <p>White space is bounded, or a model could go on with it for ever: after an opening bracket and
 * a comma and before a closing bracket stands nothing, one space, or a line feed and at most 64
 * spaces or tabs; after a colon nothing or one space; nowhere else anything. Numbers have at most
 * 18 digits before and 16 behind the point and at most two in the exponent, so that whoever reads
 * them as doubles does not get infinity.
 */
final class JsonRules {
  /** Most digits of a number before its point. */
  static final int INTEGER_DIGITS = 18;

  /** Most digits behind it. */
  static final int FRACTION_DIGITS = 16;

  /** Every number that is written is below ten to this power. */
  static final int MAGNITUDE = INTEGER_DIGITS + 99;

  private static final int INDENTATION = 64;

  private static final CodePoints CONTROLS = CodePoints.range(0, 0x1f);
  static final CodePoints ESCAPED = CONTROLS.union(CodePoints.anyOf("\"\\"));
  private static final String SHORT_ESCAPES = "\"\"\\\\\bb\ff\nn\rr\tt";

  static final Rule SPACE = new Rule("white space", space());

  /** Rare, and long to write out: strings whose characters are counted call it. */
  static final Rule ESCAPE = new Rule("escape", escape());

  /** Control characters, as they must be escaped; and these with the quote and the backslash. */
  static final Rule CONTROL = new Rule("control character", escaped(CONTROLS));

  static final Rule SPECIAL = new Rule("escaped character", escaped(ESCAPED));

  /** A string that is escaped only where it must be, so that each has one way to be written. */
  static final Rule PLAIN_STRING =
      new Rule("plain string", sequence(text("\""), many(characters(CodePoints.ALL)), text("\"")));

  /** What stands between a key and its value. */
  static final Expression COLON = sequence(text(":"), optional(text(" ")));

  static final Rule STRING = new Rule("string", string());
  static final Rule INTEGER = new Rule("integer", integer());
  static final Rule NUMBER = new Rule("number", number());
  static final Rule OBJECT = new Rule("object");
  static final Rule ARRAY = new Rule("array");
  static final Rule VALUE = new Rule("value", value());

  private static final List<Rule> SHARED =
      List.of(
          SPACE,
          ESCAPE,
          CONTROL,
          SPECIAL,
          PLAIN_STRING,
          STRING,
          INTEGER,
          NUMBER,
          OBJECT,
          ARRAY,
          VALUE);

  static {
    OBJECT.define(object(new Call(STRING), new Call(VALUE), 0, -1));
    ARRAY.define(
        sequence(
            text("["),
            new Call(SPACE),
            optional(
                sequence(
                    new Call(VALUE), many(sequence(comma(), new Call(VALUE))), new Call(SPACE))),
            text("]")));
  }

  /** How many states these rules have, at the beginning of each automaton that shares them. */
  static final int STATES =
      new AutomatonBuilder(new CompileBudget(), Integer.MAX_VALUE).share(SHARED);

  private JsonRules() {}

  /** Builds these rules first, so that their states are the same everywhere. */
  static int share(AutomatonBuilder builder) {
    return builder.share(SHARED);
  }

  static Automaton automaton(int symbols) {
    AutomatonBuilder builder = new AutomatonBuilder(new CompileBudget(), Integer.MAX_VALUE);
    int shared = share(builder);
    return builder.build(VALUE, symbols, shared);
  }

  private static Expression space() {
    Expression indentation = new Repeat(characters(" \t"), 0, INDENTATION);
    return optional(choice(text(" "), sequence(text("\n"), indentation)));
  }

  private static Expression characters(String any) {
    return new Characters(CodePoints.anyOf(any));
  }

  static Expression comma() {
    return sequence(text(","), new Call(SPACE));
  }

  private static Expression string() {
    CodePoints plain = CodePoints.ALL.minus(ESCAPED);
    return sequence(text("\""), many(choice(new Characters(plain), escape())), text("\""));
  }

  /** One character inside a string, however it is written. */
  static Expression character() {
    return choice(new Characters(CodePoints.ALL.minus(ESCAPED)), new Call(ESCAPE));
  }

  /**
   * A string of so many characters, in a count.
   *
   * @param most -1 for any number
   */
  static Expression string(int least, int most) {
    if (most >= 0 && most < least) {
      return Expression.NOTHING;
    }
    int[] bounds = IntStream.of(least, most + 1).filter(bound -> bound > 0).distinct().toArray();
    int high = most < 0 ? Integer.MAX_VALUE : most;
    Edge again = new Edge(0, character(), 0, new Count(false, 0, high, bounds));
    Edge end = new Edge(0, null, 1, new Count(true, least, high, bounds));
    Graph counted = new Graph(2, List.of(again, end), new boolean[] {false, true});
    return sequence(text("\""), counted, text("\""));
  }

  /** A surrogate only comes with its other half. */
  private static Expression escape() {
    Expression hex = characters("0123456789abcdefABCDEF");
    Expression d = characters("dD");
    Expression unit =
        choice(
            sequence(characters("0123456789abcefABCEF"), hex, hex, hex),
            sequence(d, characters("01234567"), hex, hex));
    Expression pair =
        sequence(
            d, characters("89abAB"), hex, hex, text("\\u"), d, characters("cdefCDEF"), hex, hex);
    return sequence(
        text("\\"), choice(characters("\"\\/bfnrt"), sequence(text("u"), choice(unit, pair))));
  }

  /** Characters of a set inside a string, escaped where they must be and nowhere else. */
  static Expression characters(CodePoints set) {
    CodePoints escaped = set.intersect(ESCAPED);
    Expression plain = new Characters(set.minus(ESCAPED));
    if (escaped.isEmpty()) {
      return plain;
    }
    if (escaped.equals(ESCAPED)) {
      return choice(plain, new Call(SPECIAL));
    }
    return escaped.intersect(CONTROLS).equals(CONTROLS)
        ? choice(plain, new Call(CONTROL), escaped(escaped.minus(CONTROLS)))
        : choice(plain, escaped(escaped));
  }

  private static Expression escaped(CodePoints set) {
    List<Expression> options = new ArrayList<>();
    for (int i = 0; i < set.ranges(); i++) {
      for (int c = set.low(i); c <= set.high(i); c++) {
        options.add(text(escape((char) c)));
      }
    }
    return new Expression.Choice(options);
  }

  private static String escape(char c) {
    int at = SHORT_ESCAPES.indexOf(c);
    // Characters and their letters alternate.
    return at >= 0 && at % 2 == 0
        ? "\\" + SHORT_ESCAPES.charAt(at + 1)
        : String.format(Locale.ROOT, "\\u%04x", (int) c);
  }

  /** A string literal, with its quotes. */
  static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    text.codePoints()
        .forEach(
            c -> {
              boolean half = c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE;
              if (half || ESCAPED.contains(c)) {
                out.append(escape((char) c));
              } else {
                out.appendCodePoint(c);
              }
            });
    return out.append('"').toString();
  }

  static Expression digit() {
    return new Symbol('0', '9');
  }

  private static Expression integer() {
    return sequence(
        optional(text("-")),
        choice(
            text("0"), sequence(new Symbol('1', '9'), new Repeat(digit(), 0, INTEGER_DIGITS - 1))));
  }

  private static Expression number() {
    return sequence(
        integer(),
        optional(sequence(text("."), new Repeat(digit(), 1, FRACTION_DIGITS))),
        optional(
            sequence(characters("eE"), optional(characters("+-")), new Repeat(digit(), 1, 2))));
  }

  private static Expression value() {
    return choice(
        new Call(STRING),
        new Call(NUMBER),
        new Call(OBJECT),
        new Call(ARRAY),
        text("true"),
        text("false"),
        text("null"));
  }

  /** An object of members alike. */
  static Expression object(Expression key, Expression value, int least, int most) {
    if (most >= 0 && most < least) {
      return Expression.NOTHING;
    }
    Expression member = sequence(key, COLON, value);
    Expression more =
        new Repeat(
            sequence(comma(), member),
            Math.max(0, least - 1),
            most < 0 ? -1 : Math.max(0, most - 1));
    Expression members = sequence(member, more, new Call(SPACE));
    Expression content = most == 0 ? Expression.EMPTY : least > 0 ? members : optional(members);
    return sequence(text("{"), new Call(SPACE), content, text("}"));
  }
}

package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.choice;
import static dev.switchboard.constraint.Expression.optional;
import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Repeat;
import dev.switchboard.constraint.Expression.Symbol;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Numbers within bounds, digit by digit and exact. An open side ends at 18 digits, or at as many as
 * the bound on the other side has. Negative zero is not written.
 */
final class NumberRules {
  private static final BigInteger MOST = BigInteger.TEN.pow(JsonRules.INTEGER_DIGITS);

  /** Most digits behind the point; -1 for as many as bounds need. */
  private final int places;

  private NumberRules(int places) {
    this.places = places;
  }

  /**
   * One side of a range.
   *
   * @param open whether the bound itself is outside
   */
  record Bound(BigDecimal value, boolean open) {
    static final Bound ZERO = new Bound(BigDecimal.ZERO, false);

    Bound negated() {
      return new Bound(value.negate(), open);
    }

    BigInteger leastInteger() {
      BigInteger ceiling = value.setScale(0, RoundingMode.CEILING).toBigInteger();
      boolean itself = open && new BigDecimal(ceiling).compareTo(value) == 0;
      return itself ? ceiling.add(BigInteger.ONE) : ceiling;
    }

    BigInteger mostInteger() {
      return negated().leastInteger().negate();
    }

    /** Digits behind the point, without zeros at the end. */
    String fraction() {
      BigDecimal rest = value.remainder(BigDecimal.ONE).abs().stripTrailingZeros();
      return rest.signum() == 0 ? "" : rest.toPlainString().substring(2);
    }
  }

  private static BigInteger beyond(@Nullable Bound bound) {
    return bound == null
        ? MOST
        : MOST.max(bound.value.abs().toBigInteger().multiply(BigInteger.TEN));
  }

  /** Integers of a range; a bound that is null is open to any. */
  static Expression integers(@Nullable Bound least, @Nullable Bound most) {
    BigInteger low = least == null ? beyond(most).negate() : least.leastInteger();
    BigInteger high = most == null ? beyond(least) : most.mostInteger();
    List<Expression> options = new ArrayList<>();
    if (high.signum() >= 0) {
      options.add(naturals(low.max(BigInteger.ZERO), high));
    }
    if (low.signum() < 0) {
      BigInteger nearest = high.min(BigInteger.ONE.negate());
      options.add(sequence(text("-"), naturals(nearest.negate(), low.negate())));
    }
    return new Expression.Choice(options);
  }

  /** Whole numbers from low, at least 0, to high. */
  private static Expression naturals(BigInteger low, BigInteger high) {
    if (low.compareTo(high) > 0) {
      return Expression.NOTHING;
    }
    String first = low.toString();
    String last = high.toString();
    if (first.length() == last.length()) {
      return digits(first, last);
    }
    List<Expression> options = new ArrayList<>();
    options.add(digits(first, "9".repeat(first.length())));
    options.add(digits("1" + "0".repeat(last.length() - 1), last));
    if (last.length() - first.length() > 1) {
      Expression more = new Repeat(JsonRules.digit(), first.length(), last.length() - 2);
      options.add(sequence(new Symbol('1', '9'), more));
    }
    return new Expression.Choice(options);
  }

  /** Strings of so many digits between two of that length. */
  private static Expression digits(String low, String high) {
    Tight walk = new Tight(low, high);
    boolean[] finals = new boolean[4 * (low.length() + 1)];
    for (int i = 0; i < low.length(); i++) {
      walk.step(i);
    }
    Arrays.fill(finals, 4 * low.length(), finals.length, true);
    return new Graph(finals.length, walk.edges, finals);
  }

  /**
   * Reads digits between two strings of them: node {@code 4 i + s} has read i, and bit 0 of s says
   * that they are no longer the low one's, bit 1 the high one's.
   */
  private static final class Tight {
    private final String low;
    private final String high;
    private final List<Edge> edges = new ArrayList<>();

    Tight(String low, String high) {
      this.low = low;
      this.high = high;
    }

    private static char at(String digits, int index) {
      return index < digits.length() ? digits.charAt(index) : '0';
    }

    void step(int index) {
      for (int free = 0; free < 4; free++) {
        char from = (free & 1) == 0 ? at(low, index) : '0';
        char to = (free & 2) == 0 ? at(high, index) : '9';
        for (char digit = from; digit <= to; digit++) {
          int above = (free & 1) != 0 || digit > from ? 1 : 0;
          int below = (free & 2) != 0 || digit < to ? 2 : 0;
          edges.add(
              new Edge(4 * index + free, new Symbol(digit, digit), 4 * index + 4 + above + below));
        }
      }
    }
  }

  /** Numbers of a range, without exponent. */
  static Expression numbers(@Nullable Bound least, @Nullable Bound most) {
    return new NumberRules(-1).within(least, most);
  }

  /** Numbers of a range with at most so many digits behind the point. */
  static Expression decimals(int places, @Nullable Bound least, @Nullable Bound most) {
    return places == 0 ? integers(least, most) : new NumberRules(places).within(least, most);
  }

  private Expression within(@Nullable Bound least, @Nullable Bound most) {
    Bound low = least == null ? new Bound(new BigDecimal(beyond(most).negate()), true) : least;
    Bound high = most == null ? new Bound(new BigDecimal(beyond(least)), true) : most;
    List<Expression> options = new ArrayList<>();
    if (high.value.signum() >= 0) {
      options.add(magnitudes(low.value.signum() < 0 ? Bound.ZERO : low, high));
    }
    if (low.value.signum() < 0) {
      Bound nearest = high.value.signum() >= 0 ? new Bound(BigDecimal.ZERO, true) : high.negated();
      options.add(sequence(text("-"), magnitudes(nearest, low.negated())));
    }
    return new Expression.Choice(options);
  }

  private Expression magnitudes(Bound low, Bound high) {
    BigInteger first = low.value.toBigInteger();
    BigInteger last = high.value.toBigInteger();
    if (first.equals(last)) {
      return sequence(text(first.toString()), fraction(low, high));
    }
    if (first.compareTo(last) > 0) {
      return Expression.NOTHING;
    }
    Expression between = naturals(first.add(BigInteger.ONE), last.subtract(BigInteger.ONE));
    return choice(
        sequence(text(first.toString()), fraction(low, null)),
        sequence(between, optional(anyFraction(places < 0 ? JsonRules.FRACTION_DIGITS : places))),
        sequence(text(last.toString()), fraction(null, high)));
  }

  private static Expression anyFraction(int mostDigits) {
    return sequence(text("."), new Repeat(JsonRules.digit(), 1, mostDigits));
  }

  /** Nothing or a fraction, above that of low and below that of high. */
  private Expression fraction(@Nullable Bound low, @Nullable Bound high) {
    String from = low == null ? "" : low.fraction();
    String to = high == null ? "" : high.fraction();
    int exact = Math.max(JsonRules.FRACTION_DIGITS, Math.max(from.length(), to.length()) + 1);
    int digits = places < 0 ? exact : places;
    Tight walk = new Tight(from, to);
    int nodes = 4 * (digits + 1);
    List<Edge> edges = new ArrayList<>();
    // Node 0 of the walk has read the point; the graph begins before it.
    int begun = (low == null ? 1 : 0) + (high == null ? 2 : 0);
    edges.add(new Edge(0, text("."), begun + 1));
    for (int i = 0; i < digits; i++) {
      walk.step(i);
    }
    walk.edges.forEach(e -> edges.add(new Edge(e.from() + 1, e.label(), e.to() + 1)));
    boolean[] finals = new boolean[nodes + 1];
    finals[0] = ends(begun, 0, low, from, high, to);
    for (int node = 4; node < nodes; node++) {
      finals[node + 1] = ends(node % 4, node / 4, low, from, high, to);
    }
    return new Graph(nodes + 1, edges, finals);
  }

  /** Whether what was read, with zeros after it, lies between. */
  private static boolean ends(
      int free, int read, @Nullable Bound low, String from, @Nullable Bound high, String to) {
    boolean above = (free & 1) != 0 || (low != null && read >= from.length() && !low.open);
    boolean below = (free & 2) != 0 || (high != null && (read < to.length() || !high.open));
    return above && below;
  }

  /** Numbers with at most so many digits behind the point. */
  static Expression decimals(int places) {
    Expression whole = integers(null, null);
    return places == 0 ? whole : sequence(whole, optional(anyFraction(places)));
  }
}

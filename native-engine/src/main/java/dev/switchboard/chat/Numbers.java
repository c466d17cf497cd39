package dev.switchboard.chat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Python's arithmetic. Integers end at 64 bits; larger ones are only passed through. */
final class Numbers {
  /** Longer texts are no numbers; parsing them would take time that no step accounts for. */
  private static final int MOST_DIGITS = 400;

  /** A sign and letters or digits, with single underscores between them. */
  private static final Pattern INTEGER =
      Pattern.compile("([+-]?)([\\p{Nd}a-zA-Z]+(?:_[\\p{Nd}a-zA-Z]+)*)");

  private static final String DIGITS = "[0-9]+(?:_[0-9]+)*";
  private static final Pattern REAL =
      Pattern.compile("[+-]?(?:D(?:\\.(?:D)?)?|\\.D)(?:[eE][+-]?D)?".replace("D", DIGITS));
  private static final Pattern NO_NUMBER =
      Pattern.compile("([+-]?)(?:inf(?:inity)?|(nan))", Pattern.CASE_INSENSITIVE);

  private Numbers() {}

  static int compare(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      double a = Values.requireReal(left);
      double b = Values.requireReal(right);
      return a == b ? 0 : Double.compare(a, b);
    }
    return big(left).compareTo(big(right));
  }

  private static BigInteger big(Object value) {
    return value instanceof BigInteger number
        ? number
        : BigInteger.valueOf(Values.requireInteger(value));
  }

  static Object negate(Object value) {
    try {
      return switch (value) {
        case Double number -> -number;
        case BigInteger number -> number.negate();
        default -> Math.negateExact(Values.requireInteger(value));
      };
    } catch (ArithmeticException e) {
      throw tooLarge();
    }
  }

  /** The result of an operator between numbers. */
  static Object apply(Operator operator, Object left, Object right) {
    try {
      return left instanceof Double || right instanceof Double || operator == Operator.DIVIDE
          ? ofReals(operator, Values.requireReal(left), Values.requireReal(right))
          : ofIntegers(operator, Values.requireInteger(left), Values.requireInteger(right));
    } catch (ArithmeticException e) {
      throw tooLarge();
    }
  }

  private static Fault tooLarge() {
    return new Fault("an integer leaves the range of 64 bits");
  }

  private static Object ofIntegers(Operator operator, long left, long right) {
    return switch (operator) {
      case ADD -> Math.addExact(left, right);
      case SUBTRACT -> Math.subtractExact(left, right);
      case MULTIPLY -> Math.multiplyExact(left, right);
      case FLOOR_DIVIDE -> {
        requireDivisor((double) right);
        yield Math.floorDivExact(left, right);
      }
      case MODULO -> {
        requireDivisor((double) right);
        yield Math.floorMod(left, right);
      }
      case POWER ->
          right < 0 ? (Object) power((double) left, (double) right) : (Object) power(left, right);
      case DIVIDE -> throw new IllegalStateException();
    };
  }

  private static long power(long base, long exponent) {
    long result = 1;
    for (long i = 0; i < exponent && result != 0; i++) {
      long next = Math.multiplyExact(result, base);
      if (next == result) {
        return result;
      }
      // Only ±1 goes on for more than 63 rounds.
      if (base == -1) {
        return exponent % 2 == 0 ? 1 : -1;
      }
      result = next;
    }
    return result;
  }

  private static Object ofReals(Operator operator, double left, double right) {
    return switch (operator) {
      case ADD -> left + right;
      case SUBTRACT -> left - right;
      case MULTIPLY -> left * right;
      case POWER -> power(left, right);
      case DIVIDE -> {
        requireDivisor(right);
        yield left / right;
      }
      case FLOOR_DIVIDE -> {
        requireDivisor(right);
        yield Math.floor(left / right);
      }
      case MODULO -> {
        requireDivisor(right);
        double rest = left % right;
        yield rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
      }
    };
  }

  private static double power(double base, double exponent) {
    if (exponent < 0) {
      requireDivisor(base);
    }
    double power = Math.pow(base, exponent);
    boolean finite = Math.abs(base) <= Double.MAX_VALUE && Math.abs(exponent) <= Double.MAX_VALUE;
    if (finite && (Double.isNaN(power) || Double.isInfinite(power))) {
      throw new Fault("a power is no real number or too large");
    }
    return power;
  }

  private static void requireDivisor(double divisor) {
    if (divisor == 0) {
      throw new Fault("division by zero");
    }
  }

  /** Python's {@code repr(float)}: shortest digits, exponent below 1e-4 and from 1e16 on. */
  static String repr(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    BigDecimal decimal = shortest(value);
    int exponent = decimal.precision() - decimal.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = decimal.toPlainString();
      return plain.indexOf('.') >= 0 ? plain : plain + ".0";
    }
    String digits = decimal.unscaledValue().abs().toString();
    String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
    String sign = exponent < 0 ? "-" : "+";
    String power = Math.abs(exponent) < 10 ? "0" + Math.abs(exponent) : "" + Math.abs(exponent);
    return (value < 0 ? "-" : "") + digits.charAt(0) + fraction + "e" + sign + power;
  }

  /** Java writes at least two digits, where one may do. */
  private static BigDecimal shortest(double value) {
    BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    BigDecimal single = decimal.round(new MathContext(1, RoundingMode.HALF_EVEN));
    return single.doubleValue() == value ? single : decimal;
  }

  /** Python's {@code round()} and the ways of Jinja's filter. */
  static Object round(Object value, int precision, String method) {
    double number = Values.requireReal(value);
    if (method.equals("common")) {
      return value instanceof Double
          ? (Object) roundReal(number, precision)
          : (Object) roundInteger(big(value), precision);
    }
    double scale = precision < 0 ? 1 / Math.pow(10, -precision) : Math.pow(10, precision);
    return switch (method) {
      case "ceil" -> Math.ceil(number * scale) / scale;
      case "floor" -> Math.floor(number * scale) / scale;
      default -> throw new Fault("method must be common, ceil or floor");
    };
  }

  private static double roundReal(double number, int precision) {
    return Double.isNaN(number) || Double.isInfinite(number) || Math.abs(precision) > 300
        ? number
        : new BigDecimal(number).setScale(precision, RoundingMode.HALF_EVEN).doubleValue();
  }

  private static Number roundInteger(BigInteger number, int precision) {
    return precision >= 0
        ? exact(number)
        : exact(new BigDecimal(number).setScale(precision, RoundingMode.HALF_EVEN).toBigInteger());
  }

  /** A {@code Long} when 64 bits are enough. */
  private static Number exact(BigInteger number) {
    return number.bitLength() < Long.SIZE ? (Number) number.longValue() : number;
  }

  /** Python's {@code int(text, base)}; null when it is none. */
  static @Nullable Number parseInteger(String text, int base) {
    Matcher parts = INTEGER.matcher(Characters.strip(text));
    if (!parts.matches() || parts.group(2).length() > MOST_DIGITS) {
      return null;
    }
    String digits = withoutPrefix(parts.group(2), base).replace("_", "");
    try {
      return exact(new BigInteger(parts.group(1) + digits, base));
    } catch (NumberFormatException e) {
      return null;
    }
  }

  /** Base 16 allows 0x, base 8 0o, base 2 0b. */
  private static String withoutPrefix(String digits, int base) {
    String prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
    boolean prefixed = !prefix.isEmpty() && digits.toLowerCase(Locale.ROOT).startsWith(prefix);
    return prefixed ? digits.substring(2) : digits;
  }

  /** Python's {@code float(text)}; null when it is none. */
  static @Nullable Double parseReal(String text) {
    String stripped = Characters.strip(text);
    if (stripped.length() > MOST_DIGITS) {
      return null;
    }
    Matcher word = NO_NUMBER.matcher(stripped);
    if (word.matches()) {
      boolean infinite = word.group(2) == null;
      double value = infinite ? Double.POSITIVE_INFINITY : Double.NaN;
      return word.group(1).equals("-") ? -value : value;
    }
    return REAL.matcher(stripped).matches() ? Double.valueOf(stripped.replace("_", "")) : null;
  }
}

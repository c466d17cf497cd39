package dev.switchboard.chat;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/** Width, precision, alignment and number form of one field of a format string. */
final class FieldFormat {
  private static final int MOST_PRECISION = 300;

  private Text fill = Text.literal(" ");
  private char align = '\0';
  private String sign = "-";
  private long width;
  private int precision = -1;

  /** What stands between groups of three digits; NUL for nothing. */
  private char separator = '\0';

  private boolean alternate;
  private char type = '\0';

  char type() {
    return type;
  }

  /** Reads flags, width and precision of a {@code %} field and returns where its letter stands. */
  int readPercentFlags(String text, int from) {
    int at = from;
    for (; at < text.length() && "-+ 0#".indexOf(text.charAt(at)) >= 0; at++) {
      switch (text.charAt(at)) {
        case '-' -> align = '<';
        case '0' -> zeroPad();
        case '#' -> alternate = true;
        default -> sign = String.valueOf(text.charAt(at));
      }
    }
    return readPrecision(text, readWidth(text, at));
  }

  /** Reads what follows the colon of a {@code {}} field. */
  static FieldFormat ofBraces(String spec) {
    FieldFormat field = new FieldFormat();
    int at = 0;
    if (spec.length() > 1 && "<>^=".indexOf(spec.charAt(1)) >= 0) {
      field.fill = Text.literal(spec.substring(0, 1));
      field.align = spec.charAt(1);
      at = 2;
    } else if (!spec.isEmpty() && "<>^=".indexOf(spec.charAt(0)) >= 0) {
      field.align = spec.charAt(0);
      at = 1;
    }
    at = field.readBraceFlags(spec, at);
    if (at < spec.length()) {
      field.type = spec.charAt(at++);
    }
    if (at < spec.length()) {
      throw new Fault("invalid format specifier");
    }
    return field;
  }

  private int readBraceFlags(String spec, int from) {
    int at = from;
    if (at < spec.length() && "+- ".indexOf(spec.charAt(at)) >= 0) {
      sign = String.valueOf(spec.charAt(at++));
    }
    if (at < spec.length() && spec.charAt(at) == '#') {
      alternate = true;
      at++;
    }
    if (at < spec.length() && spec.charAt(at) == '0') {
      zeroPad();
      at++;
    }
    at = readWidth(spec, at);
    if (at < spec.length() && (spec.charAt(at) == ',' || spec.charAt(at) == '_')) {
      separator = spec.charAt(at++);
    }
    return readPrecision(spec, at);
  }

  private void zeroPad() {
    if (align == '\0') {
      fill = Text.literal("0");
      align = '=';
    }
  }

  private int readWidth(String text, int from) {
    int end = digitsEnd(text, from);
    width = end == from ? 0 : number(text, from, end);
    return end;
  }

  private int readPrecision(String text, int from) {
    if (from >= text.length() || text.charAt(from) != '.') {
      return from;
    }
    int end = digitsEnd(text, from + 1);
    precision = end == from + 1 ? 0 : (int) number(text, from + 1, end);
    return end;
  }

  private static int digitsEnd(String text, int from) {
    int end = from;
    while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
      end++;
    }
    return end;
  }

  private static long number(String text, int from, int end) {
    if (end - from > 9) {
      throw new Fault("a width or precision is too large");
    }
    return Long.parseLong(text.substring(from, end));
  }

  /** A number in the form of a letter such as {@code d}, {@code x} or {@code f}. */
  Text number(Object value, char form) {
    if (precision > MOST_PRECISION) {
      throw new Fault("a precision is too large");
    }
    boolean real = "fFeEgGr%".indexOf(form) >= 0;
    String digits = real ? real(Values.requireReal(value), form) : integer(value, form);
    boolean negative = digits.startsWith("-");
    String magnitude = negative ? digits.substring(1) : digits;
    String shownSign = negative ? "-" : sign.equals("-") ? "" : sign;
    return Text.literal(
        shownSign + (separator == '\0' ? magnitude : grouped(magnitude, separator)));
  }

  private String integer(Object value, char form) {
    long number = value instanceof Double real ? real.longValue() : Values.requireInteger(value);
    String prefix = alternate ? "0" + form : "";
    String minus = number < 0 ? "-" : "";
    long magnitude = Math.abs(number);
    return switch (form) {
      case 'x' -> minus + prefix + Long.toHexString(magnitude);
      case 'X' -> minus + prefix + Long.toHexString(magnitude).toUpperCase(Locale.ROOT);
      case 'o' -> minus + prefix + Long.toOctalString(magnitude);
      case 'b' -> minus + prefix + Long.toBinaryString(magnitude);
      default -> Long.toString(number);
    };
  }

  private String real(double value, char form) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return Numbers.repr(value);
    }
    int places = precision < 0 ? 6 : precision;
    return switch (form) {
      case 'e', 'E' -> String.format(Locale.ROOT, "%." + places + form, value);
      case 'g', 'G' -> general(value, Math.max(1, places));
      case 'r' -> precision < 0 ? Numbers.repr(value) : general(value, Math.max(1, places));
      case '%' -> fixed(value * 100, places) + "%";
      default -> fixed(value, places);
    };
  }

  private static String fixed(double value, int places) {
    BigDecimal rounded = new BigDecimal(value).setScale(places, RoundingMode.HALF_EVEN);
    boolean negativeZero = rounded.signum() == 0 && (value < 0 || 1 / value < 0);
    return (negativeZero ? "-" : "") + rounded.toPlainString();
  }

  private static String general(double value, int digits) {
    BigDecimal rounded =
        new BigDecimal(value).round(new MathContext(digits, RoundingMode.HALF_EVEN));
    int exponent = rounded.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
    if (exponent >= -4 && exponent < digits) {
      BigDecimal plain = rounded.signum() == 0 ? BigDecimal.ZERO : rounded.stripTrailingZeros();
      return plain.toPlainString();
    }
    String scientific = String.format(Locale.ROOT, "%." + (digits - 1) + "e", value);
    return scientific.replaceFirst("\\.?0*e", "e");
  }

  private static String grouped(String digits, char separator) {
    int end = digitsEnd(digits, 0);
    StringBuilder out = new StringBuilder(digits);
    for (int i = end - 3; i > 0; i -= 3) {
      out.insert(i, separator);
    }
    return out.toString();
  }

  /** As {@code %} fields do: to the right whatever it is. */
  Text padRight(boolean numeric, Text shown, Budget budget) {
    if (align == '\0') {
      align = '>';
    }
    return pad(shown, numeric, budget);
  }

  /** Cuts a string to the precision and pads to the width. */
  Text pad(Text shown, boolean numeric, Budget budget) {
    Text text = shown;
    if (!numeric && precision >= 0 && precision < text.codePoints()) {
      text = text.slice(0, text.offset(precision));
    }
    char side = align == '\0' ? (numeric ? '>' : '<') : align;
    return switch (side) {
      case '<' -> TextLayout.pad(text, width, fill, TextLayout.Side.RIGHT, budget);
      case '^' -> TextLayout.pad(text, width, fill, TextLayout.Side.BOTH, budget);
      case '=' -> padAfterSign(text, budget);
      default -> TextLayout.pad(text, width, fill, TextLayout.Side.LEFT, budget);
    };
  }

  private Text padAfterSign(Text text, Budget budget) {
    int signs = !text.isEmpty() && "+- ".indexOf(text.value().charAt(0)) >= 0 ? 1 : 0;
    Text digits = text.slice(signs, text.length());
    Text padded = TextLayout.pad(digits, width - signs, fill, TextLayout.Side.LEFT, budget);
    return new TextBuilder(budget).append(text.slice(0, signs)).append(padded).toText();
  }
}

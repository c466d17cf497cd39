package dev.switchboard.chat;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** The C library's date formats, in English. */
final class Strftime {
  private Strftime() {}

  static String format(String format, Clock clock) {
    ZonedDateTime now = ZonedDateTime.now(clock);
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        out.append(c);
        continue;
      }
      boolean unpadded = format.charAt(i + 1) == '-' && i + 2 < format.length();
      i += unpadded ? 2 : 1;
      String field = field(format.charAt(i), now);
      out.append(unpadded ? withoutZeros(field) : field);
    }
    return out.toString();
  }

  private static String withoutZeros(String field) {
    String digits = field.replaceFirst("^[0 ]+", "");
    return digits.isEmpty() ? "0" : digits;
  }

  private static String field(char directive, ZonedDateTime now) {
    String pattern =
        switch (directive) {
          case 'a' -> "EEE";
          case 'A' -> "EEEE";
          case 'b', 'h' -> "MMM";
          case 'B' -> "MMMM";
          case 'c' -> "EEE MMM ppd HH:mm:ss yyyy";
          case 'd' -> "dd";
          case 'D', 'x' -> "MM/dd/yy";
          case 'e' -> "ppd";
          case 'f' -> "SSSSSS";
          case 'F' -> "yyyy-MM-dd";
          case 'H' -> "HH";
          case 'I' -> "hh";
          case 'j' -> "DDD";
          case 'm' -> "MM";
          case 'M' -> "mm";
          case 'p' -> "a";
          case 'r' -> "hh:mm:ss a";
          case 'R' -> "HH:mm";
          case 'S' -> "ss";
          case 'T', 'X' -> "HH:mm:ss";
          case 'y' -> "yy";
          case 'Y' -> "yyyy";
          case 'k' -> "ppH";
          case 'l' -> "pph";
          default -> "";
        };
    return switch (directive) {
      case '%' -> "%";
      case 'n' -> "\n";
      case 't' -> "\t";
      case 'u' -> Integer.toString(now.getDayOfWeek().getValue());
      case 'w' -> Integer.toString(now.getDayOfWeek().getValue() % 7);
      case 'C' -> twoDigits(now.getYear() / 100);
      case 'P' -> now.getHour() < 12 ? "am" : "pm";
      case 'U' -> twoDigits(weeks(now, now.getDayOfWeek().getValue() % 7));
      case 'W' -> twoDigits(weeks(now, now.getDayOfWeek().getValue() - 1));
      case 'V' -> twoDigits(now.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
      case 'G' -> Integer.toString(now.get(IsoFields.WEEK_BASED_YEAR));
      // Python's datetime.now() knows no zone.
      case 'z', 'Z' -> "";
      case 's' -> Long.toString(now.toEpochSecond());
      default ->
          pattern.isEmpty()
              ? "%" + directive
              : DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(now);
    };
  }

  /** Whole weeks of the year so far, given how many days of this one have gone by. */
  private static int weeks(ZonedDateTime now, int days) {
    return (now.getDayOfYear() + 6 - days) / 7;
  }

  private static String twoDigits(int value) {
    return value < 10 ? "0" + value : Integer.toString(value);
  }
}

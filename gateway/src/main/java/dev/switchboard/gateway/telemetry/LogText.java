package dev.switchboard.gateway.telemetry;

import ch.qos.logback.classic.pattern.ClassicConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import org.jspecify.annotations.Nullable;

/**
 * The text of a log event, in which no value can end its field or its line, or speak to a terminal:
 * what replicas and clients say stands in some. A value with anything but visible characters is
 * quoted. What others log, whose texts have values anywhere in them, is one quoted value as a
 * whole.
 */
public final class LogText extends ClassicConverter {
  private static final String OURS = "dev.switchboard.";
  private static final String PLACE = "{}";

  @Override
  public String convert(ILoggingEvent event) {
    if (!event.getLoggerName().startsWith(OURS)) {
      return "message=\"" + escaped(event.getFormattedMessage()) + '"';
    }
    String pattern = event.getMessage();
    @Nullable Object @Nullable [] values = event.getArgumentArray();
    StringBuilder text = new StringBuilder();
    int at = 0;
    for (int i = 0; values != null && i < values.length; i++) {
      int place = pattern.indexOf(PLACE, at);
      if (place < 0) {
        break;
      }
      text.append(pattern, at, place);
      boolean quoted = place > 0 && pattern.charAt(place - 1) == '"';
      text.append(quoted ? escaped(String.valueOf(values[i])) : plain(String.valueOf(values[i])));
      at = place + PLACE.length();
    }
    return text.append(pattern, at, pattern.length()).toString();
  }

  private static String plain(String value) {
    for (int i = 0; i < value.length(); i++) {
      char each = value.charAt(i);
      if (each <= ' ' || each == '"' || each == '\\' || unprintable(each)) {
        return '"' + escaped(value) + '"';
      }
    }
    return value;
  }

  private static String escaped(String value) {
    StringBuilder text = new StringBuilder(value.length());
    for (int i = 0; i < value.length(); i++) {
      char each = value.charAt(i);
      if (each == '"' || each == '\\') {
        text.append('\\').append(each);
      } else {
        text.append(unprintable(each) ? ' ' : each);
      }
    }
    return text.toString();
  }

  /** Control characters, and those that end a line or turn its direction. */
  static boolean unprintable(char each) {
    return Character.isISOControl(each)
        || each == '\u2028'
        || each == '\u2029'
        || Character.getType(each) == Character.FORMAT;
  }
}

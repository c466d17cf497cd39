package dev.switchboard.log;

import ch.qos.logback.classic.spi.ILoggingEvent;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An event of the log, taken apart: our own begin with the event's name and go on with {@code
 * name={}} for each field. A field that is null is left out. Values cannot end their field or their
 * line, or speak to a terminal: what clients and servers say stands in some. What others log, whose
 * texts have values anywhere in them, is one quoted value as a whole.
 *
 * @param event its name; null of what others log
 * @param fields of our own
 * @param text all of it, for people
 */
record LogFields(@Nullable String event, List<Field> fields, String text) {
  private static final String OURS = "dev.switchboard.";
  private static final String PLACE = "{}";

  /** A value by its name. */
  record Field(String name, Object value) {}

  LogFields {
    fields = List.copyOf(fields);
  }

  static LogFields of(ILoggingEvent event) {
    if (!event.getLoggerName().startsWith(OURS)) {
      String message = event.getFormattedMessage();
      return new LogFields(null, List.of(), "message=\"" + escaped(message) + '"');
    }
    String pattern = event.getMessage();
    @Nullable Object @Nullable [] values = event.getArgumentArray();
    List<Field> fields = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    int at = 0;
    for (int i = 0; values != null && i < values.length; i++) {
      int place = pattern.indexOf(PLACE, at);
      if (place < 0) {
        break;
      }
      boolean quoted = place > 0 && pattern.charAt(place - 1) == '"';
      int named = quoted ? place - 1 : place;
      String name = name(pattern, at, named);
      Object value = values[i];
      if (name != null && value == null) {
        text.append(pattern, at, Math.max(at, named - name.length() - 2));
        place += quoted ? 1 : 0;
      } else {
        String said = String.valueOf(value);
        text.append(pattern, at, place).append(quoted ? escaped(said) : plain(said));
        if (name != null && value != null) {
          fields.add(new Field(name, value));
        }
      }
      at = place + PLACE.length();
    }
    text.append(pattern, at, pattern.length());
    int end = pattern.indexOf(' ');
    String first = end < 0 ? pattern : pattern.substring(0, end);
    return new LogFields(word(first) ? first : null, fields, text.toString());
  }

  /** The name before {@code =} at a place; null where there is none. */
  private static @Nullable String name(String pattern, int from, int place) {
    if (place <= from || pattern.charAt(place - 1) != '=') {
      return null;
    }
    int begin = pattern.lastIndexOf(' ', place) + 1;
    if (begin < from) {
      return null;
    }
    String name = pattern.substring(begin, place - 1);
    return word(name) ? name : null;
  }

  private static boolean word(String text) {
    for (int i = 0; i < text.length(); i++) {
      char each = text.charAt(i);
      if (!(each == '_' || (each >= 'a' && each <= 'z') || (i > 0 && each >= '0' && each <= '9'))) {
        return false;
      }
    }
    return !text.isEmpty();
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

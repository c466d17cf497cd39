package dev.switchboard.constraint;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Formats of strings as expressions. Each writes a part of what its specification allows, and
 * nothing else: February has 28 days, no second is a leap second, times are UTC's, and hosts are in
 * common domains.
 */
enum StringFormat {
  DATE(Parts.DATE),
  TIME(Parts.CLOCK + "Z"),
  DATE_TIME(Parts.DATE + "T" + Parts.CLOCK + Parts.OFFSET),
  UUID("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
  EMAIL("[A-Za-z0-9_+-]{1,16}(\\.[A-Za-z0-9_+-]{1,16})?@" + Parts.HOST),
  HOSTNAME(Parts.HOST),
  IPV4(Parts.OCTET + "(\\." + Parts.OCTET + "){3}"),
  IPV6("[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}"),
  URI("https?://" + Parts.HOST + "(/[A-Za-z0-9_~.-]{1,32}){0,3}/?");

  private final String pattern;

  StringFormat(String pattern) {
    this.pattern = "^(?:" + pattern + ")$";
  }

  static @Nullable StringFormat of(String word) {
    for (StringFormat format : values()) {
      if (format.name().toLowerCase(Locale.ROOT).replace('_', '-').equals(word)) {
        return format;
      }
    }
    return null;
  }

  StringSet strings() {
    return new StringSet(
        List.of(RegexReader.read(pattern, "format", true, new CompileBudget())), 0, -1);
  }

  private static final class Parts {
    private static final String DATE =
        "[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
            + "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))";
    private static final String CLOCK =
        "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?";

    /** Not {@code -00:00}, which RFC 3339 takes for an unknown offset and ISO 8601 forbids. */
    private static final String OFFSET =
        "(?:Z|\\+(?:0[0-9]|1[0-7]):[0-5][0-9]"
            + "|-(?:00:(?:0[1-9]|[1-5][0-9])|(?:0[1-9]|1[0-7]):[0-5][0-9]))";

    private static final String LABEL = "[a-z0-9]{1,16}(?:-[a-z0-9]{1,16})?";
    private static final String HOST = "(?:" + LABEL + "\\.){1,2}(?:com|org|net|edu|gov|info|io)";
    private static final String OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

    private Parts() {}
  }
}

package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import dev.switchboard.constraint.Expression.Rule;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Formats of strings, each with the language of its specification. What that leaves without a bound
 * has one where readers have: a fraction of a second has 9 digits, an address of mail has 254
 * characters. Leap seconds are at the end of any June and December, since nobody knows the coming
 * ones, and beside UTC at offsets that zones have had since 1972: all others would make the
 * automaton thirty times as large.
 *
 * <p>An expression is made deterministic and minimal once, when it is first wanted.
 */
enum StringFormat {
  BYTE(-1, "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
  DATE(-1, Parts.DATE),
  TIME(-1, "(?:%s%s|%s|%s)".formatted(Parts.CLOCK, Parts.OFFSET, Parts.leap(-1), Parts.leap(1))),
  DATE_TIME(
      -1,
      "(?:%s)[Tt]%s%s|[0-9]{4}-(?:06-30|12-31)[Tt](?:%s)|[0-9]{4}-(?:07|01)-01[Tt](?:%s)"
          .formatted(Parts.DATE, Parts.CLOCK, Parts.OFFSET, Parts.leap(-1), Parts.leap(1))),
  DURATION(-1, "P(?:(?:%1$s)(?:T(?:%2$s))?|T(?:%2$s)|[0-9]+W)".formatted(Parts.DAYS, Parts.HOURS)),
  UUID(-1, "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
  EMAIL(
      254,
      "(?:%s|%s)@(?:%s|%s)".formatted(Parts.ATOMS, Parts.QUOTED, Parts.HOST, Parts.MAIL_LITERAL),
      ".{1,64}@[^@]+"),
  HOSTNAME(253, Parts.HOST),
  IPV4(-1, Parts.IPV4),
  IPV6(-1, Parts.IPV6),
  URI(-1, Parts.uri("")),
  URI_REFERENCE(-1, Parts.uri("") + "|" + Parts.relative("")),
  IRI(-1, Parts.uri(Parts.BEYOND_ASCII)),
  IRI_REFERENCE(-1, Parts.uri(Parts.BEYOND_ASCII) + "|" + Parts.relative(Parts.BEYOND_ASCII)),
  JSON_POINTER(-1, Parts.POINTER),
  RELATIVE_JSON_POINTER(-1, "(?:0|[1-9][0-9]*)(?:#|" + Parts.POINTER + ")");

  private static final Map<StringFormat, StringSet> STRINGS = new ConcurrentHashMap<>();
  private static final Map<StringFormat, Rule> RULES = new ConcurrentHashMap<>();

  private final int most;
  private final String pattern;
  private final String also;

  /**
   * @param most characters; -1 for any number
   */
  StringFormat(int most, String pattern) {
    this(most, pattern, "");
  }

  /**
   * @param also another pattern that must match; empty for none
   */
  StringFormat(int most, String pattern, String also) {
    this.most = most;
    this.pattern = pattern;
    this.also = also;
  }

  static @Nullable StringFormat of(String word) {
    for (StringFormat format : values()) {
      if (format.name().toLowerCase(Locale.ROOT).replace('_', '-').equals(word)) {
        return format;
      }
    }
    return null;
  }

  /** The format whose strings these are; null where something else is asked of them. */
  static @Nullable StringFormat of(StringSet strings) {
    for (Map.Entry<StringFormat, StringSet> known : STRINGS.entrySet()) {
      if (strings.equals(known.getValue())) {
        return known.getKey();
      }
    }
    return null;
  }

  /** Whether these are the expressions of a format, whatever its length. */
  static boolean isOf(List<RegexNfa> expressions) {
    return STRINGS.values().stream().anyMatch(known -> known.expressions().equals(expressions));
  }

  StringSet strings() {
    return STRINGS.computeIfAbsent(this, StringFormat::find);
  }

  private StringSet find() {
    CompileBudget own = CompileBudget.unbounded();
    List<RegexNfa> all =
        Stream.of(pattern, also)
            .filter(each -> !each.isEmpty())
            .map(each -> RegexReader.read(each, "format", false, own))
            .toList();
    RegexNfa minimal = StringMachine.minimal(new StringSet(all, 0, -1), own);
    return new StringSet(List.of(minimal), 0, most);
  }

  /** A string of the format, with its quotes; the same for everybody. */
  Rule rule() {
    return RULES.computeIfAbsent(this, StringFormat::write);
  }

  private Rule write() {
    StringMachine machine = new StringMachine(List.of(strings()), CompileBudget.unbounded());
    Expression string = machine.build(JsonRules::characters);
    return new Rule(name(), sequence(text("\""), string, text("\"")));
  }

  private static final class Parts {
    private static final String DATE =
        "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
            + "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
            + "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])"
            + "|(?:[02468][048]|[13579][26])00)-02-29";

    private static final String FRACTION = "(?:\\.[0-9]{1,9})?";
    private static final String CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]" + FRACTION;
    private static final String OFFSET = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

    /** Minutes that some zone was beside UTC since there are leap seconds, from 1972 on. */
    private static final List<Integer> LEAP_OFFSETS =
        IntStream.concat(
                IntStream.rangeClosed(-12, 14).map(hours -> 60 * hours),
                IntStream.of(
                    -640, -630, -570, -510, -270, -225, -210, -150, -90, 210, 270, 330, 345, 390,
                    450, 510, 525, 570, 585, 630, 690, 750, 765, 825))
            .boxed()
            .toList();

    private static final String DAYS =
        "[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D";
    private static final String HOURS =
        "[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S";

    private static final String ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
    private static final String ATOMS = ATOM + "(?:\\." + ATOM + ")*";
    private static final String QUOTED = "\"(?:[ !#-\\[\\]-~]|\\\\[ -~])*\"";
    private static final String LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    private static final String HOST = LABEL + "(?:\\." + LABEL + ")*";

    private static final String OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private static final String IPV4 = OCTET + "(?:\\." + OCTET + "){3}";
    private static final String H16 = "[0-9A-Fa-f]{1,4}";
    private static final String LS32 = "(?:" + H16 + ":" + H16 + "|" + IPV4 + ")";
    private static final String IPV6 = "(?:" + H16 + ":){6}" + LS32 + "|" + shortened(7);

    /** Of RFC 5321, whose two colons stand for two groups at least. */
    private static final String MAIL_LITERAL =
        "\\[(?:%2$s|[Ii][Pp][Vv]6:(?:(?:%1$s:){6}%3$s|%4$s))\\]"
            .formatted(H16, IPV4, LS32, shortened(6));

    private static final String POINTER = "(?:/(?:[^/~]|~[01])*)*";

    /** Of RFC 3987, what may stand everywhere. */
    private static final String BEYOND_ASCII =
        "\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef\\u{10000}-\\u{1fffd}\\u{20000}-\\u{2fffd}"
            + "\\u{30000}-\\u{3fffd}\\u{40000}-\\u{4fffd}\\u{50000}-\\u{5fffd}\\u{60000}-\\u{6fffd}"
            + "\\u{70000}-\\u{7fffd}\\u{80000}-\\u{8fffd}\\u{90000}-\\u{9fffd}\\u{a0000}-\\u{afffd}"
            + "\\u{b0000}-\\u{bfffd}\\u{c0000}-\\u{cfffd}\\u{d0000}-\\u{dfffd}\\u{e1000}-\\u{efffd}";

    /** Of RFC 3987, what may stand in queries too. */
    private static final String PRIVATE =
        "\\ue000-\\uf8ff\\u{f0000}-\\u{ffffd}\\u{100000}-\\u{10fffd}";

    private Parts() {}

    /** The last second of a month in UTC, where it is the next day or still the same. */
    private static String leap(int sign) {
      String times =
          LEAP_OFFSETS.stream()
              .filter(offset -> Integer.signum(offset) == sign)
              .map(offset -> leap(offset, Math.floorMod(offset - 1, 24 * 60)))
              .collect(Collectors.joining("|"));
      return sign > 0 ? times : times + "|23:59:60" + FRACTION + "(?:[Zz]|[+-]00:00)";
    }

    private static String leap(int offset, int local) {
      return "%02d:%02d:60%s[%s]%02d:%02d"
          .formatted(
              local / 60,
              local % 60,
              FRACTION,
              offset < 0 ? "-" : "+",
              Math.abs(offset) / 60,
              Math.abs(offset) % 60);
    }

    /** Two colons and at most so many groups: before, and behind no more than are left. */
    private static String shortened(int most) {
      StringBuilder all = new StringBuilder();
      for (int behind = most - 2; behind >= 0; behind--) {
        all.append(groups(most - 2 - behind)).append("::(?:").append(H16).append(":){");
        all.append(behind).append("}").append(LS32).append("|");
      }
      return all.append("%s::%s|%s::".formatted(groups(most - 1), H16, groups(most))).toString();
    }

    /** Nothing, or at most so many groups. */
    private static String groups(int most) {
      return most == 0 ? "" : "(?:(?:%s:){0,%d}%s)?".formatted(H16, most - 1, H16);
    }

    private static String chars(String more) {
      return "(?:[A-Za-z0-9._~!$&'()*+,;=" + more + "-]|%[0-9A-Fa-f]{2})";
    }

    private static String authority(String beyond) {
      String literal = "\\[(?:" + IPV6 + "|[Vv][0-9A-Fa-f]+\\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\\]";
      return "//(?:%s*@)?(?:%s|%s*)(?::[0-9]*)?(?:/%s*)*"
          .formatted(chars(":" + beyond), literal, chars(beyond), chars(":@" + beyond));
    }

    private static String tail(String beyond) {
      String inQuery = beyond.isEmpty() ? "" : beyond + PRIVATE;
      return "(?:\\?%s*)?(?:#%s*)?".formatted(chars(":@/?" + inQuery), chars(":@/?" + beyond));
    }

    static String uri(String beyond) {
      String segment = chars(":@" + beyond);
      return "[A-Za-z][A-Za-z0-9+.-]*:(?:%1$s|/(?:%2$s+(?:/%2$s*)*)?|%2$s+(?:/%2$s*)*|)%3$s"
          .formatted(authority(beyond), segment, tail(beyond));
    }

    static String relative(String beyond) {
      String segment = chars(":@" + beyond);
      return "(?:%1$s|/(?:%2$s+(?:/%2$s*)*)?|%3$s+(?:/%2$s*)*|)%4$s"
          .formatted(authority(beyond), segment, chars("@" + beyond), tail(beyond));
    }
  }
}

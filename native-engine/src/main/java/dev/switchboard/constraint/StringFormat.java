package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import dev.switchboard.constraint.Expression.Rule;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Formats of strings, each with the language of its specification. What that leaves without a bound
 * has one where readers have: a fraction of a second has 9 digits, years are 0001 to 9999, an
 * address of mail has 254 characters. Of what is valid but widely refused nothing is written: lower
 * case {@code t} and {@code z}, mail at a host without a dot or with a quoted name, and a URI of a
 * scheme alone.
 *
 * <p>An expression is made deterministic and minimal once, when it is first wanted.
 */
enum StringFormat {
  BYTE(-1, "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
  DATE(-1, Parts.DATE),
  TIME(-1, "(?:" + Parts.CLOCK + Parts.OFFSET + "|23:59:60" + Parts.FRACTION + "Z)"),
  DATE_TIME(
      -1,
      "(?:%s)T(?:%s)%s|(?:%s)T23:59:60%sZ"
          .formatted(
              Parts.DATE, Parts.CLOCK, Parts.OFFSET, Parts.LEAP_SECOND_DAYS, Parts.FRACTION)),
  DURATION(-1, "P(?:(?:%1$s)(?:T(?:%2$s))?|T(?:%2$s)|[0-9]+W)".formatted(Parts.DAYS, Parts.HOURS)),
  UUID(-1, "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
  EMAIL(254, Parts.ATOMS + "@" + Parts.LABEL + "(?:\\." + Parts.LABEL + ")+", "[^@]{1,64}@[^@]+"),
  HOSTNAME(253, Parts.LABEL + "(?:\\." + Parts.LABEL + ")*"),
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
        "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-"
            + "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
            + "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
            + "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])"
            + "|(?:0[48]|[2468][048]|[13579][26])00)-02-29";

    /** All that there were up to 2026. */
    private static final String LEAP_SECOND_DAYS =
        "(?:1972|198[1235]|199[2347]|2012|2015)-06-30"
            + "|(?:197[2-9]|1987|1989|199[058]|2005|2008|2016)-12-31";

    private static final String FRACTION = "(?:\\.[0-9]{1,9})?";
    private static final String CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]" + FRACTION;
    private static final String OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
    private static final String DAYS =
        "[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D";
    private static final String HOURS =
        "[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S";

    private static final String ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
    private static final String ATOMS = ATOM + "(?:\\." + ATOM + ")*";
    private static final String LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";

    private static final String OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private static final String IPV4 = OCTET + "(?:\\." + OCTET + "){3}";
    private static final String H16 = "[0-9A-Fa-f]{1,4}";
    private static final String LS32 = "(?:" + H16 + ":" + H16 + "|" + IPV4 + ")";
    private static final String IPV6 = ipv6();

    private static final String POINTER = "(?:/(?:[^/~]|~[01])*)*";

    /** Of RFC 3987, without what is private. */
    private static final String BEYOND_ASCII =
        "\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef\\u{10000}-\\u{1fffd}\\u{20000}-\\u{2fffd}"
            + "\\u{30000}-\\u{3fffd}\\u{40000}-\\u{4fffd}\\u{50000}-\\u{5fffd}\\u{60000}-\\u{6fffd}"
            + "\\u{70000}-\\u{7fffd}\\u{80000}-\\u{8fffd}\\u{90000}-\\u{9fffd}\\u{a0000}-\\u{afffd}"
            + "\\u{b0000}-\\u{bfffd}\\u{c0000}-\\u{cfffd}\\u{d0000}-\\u{dfffd}\\u{e1000}-\\u{efffd}";

    private Parts() {}

    /** So many groups before the two colons and no more behind them than are left. */
    private static String ipv6() {
      StringBuilder all = new StringBuilder("(?:" + H16 + ":){6}" + LS32);
      for (int behind = 5; behind >= 0; behind--) {
        int before = 5 - behind;
        all.append("|").append(groups(before)).append("::(?:").append(H16).append(":){");
        all.append(behind).append("}").append(LS32);
      }
      return all.append("|%s::%s|%s::".formatted(groups(6), H16, groups(7))).toString();
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
      return "(?:\\?%1$s*)?(?:#%1$s*)?".formatted(chars(":@/?" + beyond));
    }

    static String uri(String beyond) {
      String segment = chars(":@" + beyond);
      return "[A-Za-z][A-Za-z0-9+.-]*:(?:%1$s|/(?:%2$s+(?:/%2$s*)*)?|%2$s+(?:/%2$s*)*)%3$s"
          .formatted(authority(beyond), segment, tail(beyond));
    }

    static String relative(String beyond) {
      String segment = chars(":@" + beyond);
      return "(?:%1$s|/(?:%2$s+(?:/%2$s*)*)?|%3$s+(?:/%2$s*)*|)%4$s"
          .formatted(authority(beyond), segment, chars("@" + beyond), tail(beyond));
    }
  }
}

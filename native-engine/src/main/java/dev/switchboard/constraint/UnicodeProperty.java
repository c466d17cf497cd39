package dev.switchboard.constraint;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * What {@code \p{…}} of a regular expression stands for: a general category, a script, or one of
 * the properties that ECMA-262 names and Java knows. Each is found once, from the Unicode data of
 * the running Java.
 */
final class UnicodeProperty {
  private static final Map<String, CodePoints> FOUND = new ConcurrentHashMap<>();

  private static final Map<String, IntPredicate> PROPERTIES =
      Map.ofEntries(
          Map.entry("any", c -> true),
          Map.entry("ascii", c -> c < 0x80),
          Map.entry("assigned", Character::isDefined),
          Map.entry("alphabetic", Character::isAlphabetic),
          Map.entry("alpha", Character::isAlphabetic),
          Map.entry("lowercase", Character::isLowerCase),
          Map.entry("lower", Character::isLowerCase),
          Map.entry("uppercase", Character::isUpperCase),
          Map.entry("upper", Character::isUpperCase),
          Map.entry("ideographic", Character::isIdeographic),
          Map.entry("ideo", Character::isIdeographic),
          Map.entry("emoji", Character::isEmoji),
          Map.entry("emojipresentation", Character::isEmojiPresentation),
          Map.entry("emojimodifier", Character::isEmojiModifier),
          Map.entry("emojimodifierbase", Character::isEmojiModifierBase),
          Map.entry("emojicomponent", Character::isEmojiComponent),
          Map.entry("extendedpictographic", Character::isExtendedPictographic),
          Map.entry("regionalindicator", UnicodeProperty::isRegionalIndicator),
          Map.entry("ri", UnicodeProperty::isRegionalIndicator),
          Map.entry("asciihexdigit", UnicodeProperty::isHexDigit),
          Map.entry("ahex", UnicodeProperty::isHexDigit),
          Map.entry("whitespace", UnicodeProperty::isWhiteSpace),
          Map.entry("space", UnicodeProperty::isWhiteSpace));

  /** Short name, long name and type of each general category. */
  private static final Object[][] NAMED_TYPES = {
    {"lu", "uppercaseletter", Character.UPPERCASE_LETTER},
    {"ll", "lowercaseletter", Character.LOWERCASE_LETTER},
    {"lt", "titlecaseletter", Character.TITLECASE_LETTER},
    {"lm", "modifierletter", Character.MODIFIER_LETTER},
    {"lo", "otherletter", Character.OTHER_LETTER},
    {"mn", "nonspacingmark", Character.NON_SPACING_MARK},
    {"mc", "spacingmark", Character.COMBINING_SPACING_MARK},
    {"me", "enclosingmark", Character.ENCLOSING_MARK},
    {"nd", "decimalnumber", Character.DECIMAL_DIGIT_NUMBER},
    {"nl", "letternumber", Character.LETTER_NUMBER},
    {"no", "othernumber", Character.OTHER_NUMBER},
    {"pc", "connectorpunctuation", Character.CONNECTOR_PUNCTUATION},
    {"pd", "dashpunctuation", Character.DASH_PUNCTUATION},
    {"ps", "openpunctuation", Character.START_PUNCTUATION},
    {"pe", "closepunctuation", Character.END_PUNCTUATION},
    {"pi", "initialpunctuation", Character.INITIAL_QUOTE_PUNCTUATION},
    {"pf", "finalpunctuation", Character.FINAL_QUOTE_PUNCTUATION},
    {"po", "otherpunctuation", Character.OTHER_PUNCTUATION},
    {"sm", "mathsymbol", Character.MATH_SYMBOL},
    {"sc", "currencysymbol", Character.CURRENCY_SYMBOL},
    {"sk", "modifiersymbol", Character.MODIFIER_SYMBOL},
    {"so", "othersymbol", Character.OTHER_SYMBOL},
    {"zs", "spaceseparator", Character.SPACE_SEPARATOR},
    {"zl", "lineseparator", Character.LINE_SEPARATOR},
    {"zp", "paragraphseparator", Character.PARAGRAPH_SEPARATOR},
    {"cc", "control", Character.CONTROL},
    {"cf", "format", Character.FORMAT},
    {"co", "privateuse", Character.PRIVATE_USE},
    {"cn", "unassigned", Character.UNASSIGNED},
  };

  /** Their types by the short names of categories and of groups of them, and by the long ones. */
  private static final Map<String, Integer> CATEGORIES = categories();

  private UnicodeProperty() {}

  /** The letters of which flags are made in pairs. */
  private static boolean isRegionalIndicator(int c) {
    return c >= 0x1F1E6 && c <= 0x1F1FF;
  }

  private static boolean isHexDigit(int c) {
    return c < 0x80 && Character.digit(c, 16) >= 0;
  }

  private static boolean isWhiteSpace(int c) {
    return Character.isSpaceChar(c) || (c >= '\t' && c <= '\r') || c == 0x85;
  }

  /**
   * @param text what stands in the braces
   * @return null where nothing of that name is known
   */
  static @Nullable CodePoints of(String text) {
    int equals = text.indexOf('=');
    String kind = equals < 0 ? "" : plain(text.substring(0, equals));
    String name = equals < 0 ? text : text.substring(equals + 1);
    return switch (kind) {
      case "" -> known(plain(name));
      case "gc", "generalcategory" -> category(plain(name));
      case "sc", "script" -> script(name);
      default -> null;
    };
  }

  private static String plain(String name) {
    return name.toLowerCase(Locale.ROOT).replace("_", "");
  }

  private static @Nullable CodePoints known(String name) {
    IntPredicate property = PROPERTIES.get(name);
    return property == null
        ? category(name)
        : FOUND.computeIfAbsent(name, missing -> CodePoints.matching(property));
  }

  private static @Nullable CodePoints category(String name) {
    Integer types = CATEGORIES.get(name);
    return types == null
        ? null
        : FOUND.computeIfAbsent(
            "category " + types,
            missing -> CodePoints.matching(c -> (types >>> Character.getType(c) & 1) != 0));
  }

  private static @Nullable CodePoints script(String name) {
    try {
      Character.UnicodeScript script = Character.UnicodeScript.forName(name);
      return FOUND.computeIfAbsent(
          "script " + script,
          missing -> CodePoints.matching(c -> Character.UnicodeScript.of(c) == script));
    } catch (IllegalArgumentException unknown) {
      return null;
    }
  }

  private static Map<String, Integer> categories() {
    Map<String, Integer> all = new HashMap<>();
    for (Object[] one : NAMED_TYPES) {
      int type = 1 << (byte) one[2];
      all.put((String) one[0], type);
      all.put((String) one[1], type);
      all.merge(((String) one[0]).substring(0, 1), type, (left, right) -> left | right);
    }
    all.put(
        "lc",
        1 << Character.UPPERCASE_LETTER
            | 1 << Character.LOWERCASE_LETTER
            | 1 << Character.TITLECASE_LETTER);
    String[] groups = {
      "letter l",
      "casedletter lc",
      "mark m",
      "combiningmark m",
      "number n",
      "digit nd",
      "other c",
      "punctuation p",
      "punct p",
      "symbol s",
      "separator z",
      "cntrl cc"
    };
    Arrays.stream(groups)
        .map(group -> group.split(" "))
        .forEach(names -> all.put(names[0], all.get(names[1])));
    return Map.copyOf(all);
  }
}

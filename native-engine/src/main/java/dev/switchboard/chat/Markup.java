package dev.switchboard.chat;

import java.util.Map;

/** HTML, as far as filters write and remove it. */
final class Markup {
  /** Python knows two thousand more; these are the ones that text is made HTML with. */
  private static final Map<String, String> NAMED =
      Map.of("amp", "&", "lt", "<", "gt", ">", "quot", "\"", "apos", "'", "nbsp", "\u00a0");

  private static final int LONGEST_REFERENCE = 10;

  private Markup() {}

  static Text escape(Text text, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    String value = text.value();
    int clean = 0;
    for (int i = 0; i < value.length(); i++) {
      int special = "&<>'\"".indexOf(value.charAt(i));
      if (special >= 0) {
        String entity = new String[] {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"}[special];
        out.append(text, clean, i).append(entity, text.isUser(i));
        clean = i + 1;
      }
    }
    return out.append(text, clean, value.length()).toText();
  }

  /** Comments and tags taken out, white space made single spaces, references made characters. */
  static Text withoutTags(Text text, Budget budget) {
    Text bare = without(without(text, "<!--", "-->", budget), "<", ">", budget);
    TextBuilder words = new TextBuilder(budget);
    for (Object word : TextSplit.split(bare, Arguments.NONE, budget)) {
      words.append(words.length() == 0 ? "" : " ").append((Text) word);
    }
    return unescape(words.toText(), budget);
  }

  /** What stands around a cut may be the next opening: each search begins anew. */
  private static Text without(Text text, String open, String close, Budget budget) {
    Text rest = text;
    while (true) {
      int start = rest.value().indexOf(open);
      int end = start < 0 ? -1 : rest.value().indexOf(close, start);
      if (end < 0) {
        return rest;
      }
      rest =
          new TextBuilder(budget)
              .append(rest, 0, start)
              .append(rest, end + close.length(), rest.length())
              .toText();
    }
  }

  private static Text unescape(Text text, Budget budget) {
    TextBuilder out = new TextBuilder(budget);
    String value = text.value();
    int clean = 0;
    for (int at = value.indexOf('&'); at >= 0; at = value.indexOf('&', at + 1)) {
      int end = value.indexOf(';', at, Math.min(value.length(), at + LONGEST_REFERENCE + 1));
      if (end > at && end - at <= LONGEST_REFERENCE) {
        String character = character(value.substring(at + 1, end));
        if (!character.isEmpty()) {
          out.append(text, clean, at).append(character, text.isUser(at));
          clean = end + 1;
        }
      }
    }
    return out.append(text, clean, value.length()).toText();
  }

  /** Empty where the reference is none. */
  private static String character(String reference) {
    if (!reference.startsWith("#")) {
      return NAMED.getOrDefault(reference, "");
    }
    boolean hex = reference.startsWith("#x") || reference.startsWith("#X");
    try {
      int code = Integer.parseInt(reference, hex ? 2 : 1, reference.length(), hex ? 16 : 10);
      boolean scalar = code > 0 && code <= Character.MAX_CODE_POINT && (code >> 11) != 0x1b;
      return scalar ? Character.toString(code) : "\ufffd";
    } catch (NumberFormatException none) {
      return "";
    }
  }
}

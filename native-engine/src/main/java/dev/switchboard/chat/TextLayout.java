package dev.switchboard.chat;

/** Padding, indenting, truncating. */
final class TextLayout {
  /** Where padding goes. */
  enum Side {
    LEFT,
    RIGHT,
    BOTH
  }

  private static final Text SPACE = Text.literal(" ");

  private TextLayout() {}

  static Text pad(Text text, Arguments arguments, Budget budget, Side side) {
    long width = arguments.integer(0, "width", 80);
    return pad(text, width, arguments.text(1, "fillchar", SPACE), side, budget);
  }

  static Text pad(Text text, long width, Text fill, Side side, Budget budget) {
    budget.length(width);
    long missing = Math.max(0, width - text.codePoints());
    // Python puts the odd one left only when the width is odd too.
    long left =
        switch (side) {
          case LEFT -> missing;
          case RIGHT -> 0;
          case BOTH -> missing / 2 + (missing & width & 1);
        };
    TextBuilder out = new TextBuilder(budget);
    return out.repeat(fill, left).append(text).repeat(fill, missing - left).toText();
  }

  static Text zeroFill(Text text, long width, Budget budget) {
    boolean signed = text.value().startsWith("-") || text.value().startsWith("+");
    Text sign = text.slice(0, signed ? 1 : 0);
    Text digits = text.slice(sign.length(), text.length());
    Text zeros = pad(digits, width - sign.length(), Text.literal("0"), Side.LEFT, budget);
    return new TextBuilder(budget).append(sign).append(zeros).toText();
  }

  static Text indent(Text text, Arguments arguments, Budget budget) {
    Object width = arguments.get(0, "width", 4L);
    boolean first = arguments.flag(1, "first", false);
    boolean blank = arguments.flag(2, "blank", false);
    Text indent =
        width instanceof Text given
            ? given
            : new TextBuilder(budget).repeat(SPACE, Values.requireInteger(width)).toText();
    // With a line break more, splitting keeps an empty last line.
    Text ended = new TextBuilder(budget).append(text).append("\n").toText();
    TextBuilder out = new TextBuilder(budget);
    boolean start = true;
    for (Object each : TextSplit.lines(ended, false, budget)) {
      Text line = (Text) each;
      out.append(start ? "" : "\n");
      boolean indented = start ? first : blank || !line.isEmpty();
      out.append(indented ? indent : Text.EMPTY).append(line);
      start = false;
    }
    return out.toText();
  }

  static Text truncate(Text text, Arguments arguments, Budget budget) {
    long length = arguments.integer(0, "length", 255);
    boolean killWords = arguments.flag(1, "killwords", false);
    Text end = arguments.text(2, "end", Text.literal("..."));
    long leeway = arguments.integer(3, "leeway", 5);
    if (text.codePoints() <= length + leeway) {
      return text;
    }
    int kept = Math.clamp(length - end.codePoints(), 0, text.codePoints());
    Text head = text.slice(0, text.offset(kept));
    int space = killWords ? -1 : head.value().lastIndexOf(' ');
    return new TextBuilder(budget)
        .append(space < 0 ? head : head.slice(0, space))
        .append(end)
        .toText();
  }

  static Text expandTabs(Text text, Arguments arguments, Budget budget) {
    long size = arguments.integer(0, "tabsize", 8);
    TextBuilder out = new TextBuilder(budget);
    String value = text.value();
    long column = 0;
    int from = 0;
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c == '\t') {
        long spaces = size <= 0 ? 0 : size - column % size;
        out.append(text, from, i).repeat(text.isUser(i) ? Text.user(" ") : SPACE, spaces);
        from = i + 1;
        column += spaces;
      } else {
        column = c == '\n' || c == '\r' ? 0 : column + (Character.isLowSurrogate(c) ? 0 : 1);
      }
    }
    return out.append(text, from, value.length()).toText();
  }

  static long wordCount(Text text) {
    long count = 0;
    boolean inside = false;
    for (int c : text.value().codePoints().toArray()) {
      boolean word = Characters.isWord(c);
      count += word && !inside ? 1 : 0;
      inside = word;
    }
    return count;
  }
}

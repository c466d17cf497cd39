package dev.switchboard.chat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The filter {@code wordwrap}: Python's {@code textwrap} for each line, white space kept as is. */
final class TextWrap {
  private static final String SPACE = "[\\t\\n\\x0b\\f\\r ]";
  private static final String NO_SPACE = "[^\\t\\n\\x0b\\f\\r ]";
  private static final String WORD = "[\\p{L}\\p{N}_]";
  private static final String LETTER = "[\\p{L}\\p{Nl}\\p{No}_]";

  /** What may stand before a dash between words. */
  private static final String BEFORE_DASH = "[\\p{L}\\p{N}_!\"'&.,?]";

  /** White space, a dash between words, or a word up to its end or to where a hyphen parts it. */
  private static final Pattern CHUNK =
      Pattern.compile(
          (SPACE + "+|(?<=B)-{2,}(?=" + WORD + ")|" + NO_SPACE + "+?(?:").replace("B", BEFORE_DASH)
              + "-(?:(?<=L{2}-)|(?<=L-L-))(?=L-?L)".replace("L", LETTER)
              + ("|(?=" + SPACE + "|\\z)|(?<=")
              + BEFORE_DASH
              + ")(?=-{2,}"
              + WORD
              + "))");

  private static final Pattern SIMPLE_CHUNK = Pattern.compile(SPACE + "+|" + NO_SPACE + "+");

  private final long width;
  private final boolean breakWords;
  private final boolean breakAtHyphens;
  private final Budget budget;
  private final List<Text> lines = new ArrayList<>();

  private TextWrap(long width, boolean breakWords, boolean breakAtHyphens, Budget budget) {
    this.width = width;
    this.breakWords = breakWords;
    this.breakAtHyphens = breakAtHyphens;
    this.budget = budget;
  }

  static Text wrap(Text text, Arguments arguments, Budget budget) {
    long width = arguments.integer(0, "width", 79);
    boolean breakWords = arguments.flag(1, "break_long_words", true);
    Text between = arguments.text(2, "wrapstring", Text.literal("\n"));
    boolean hyphens = arguments.flag(3, "break_on_hyphens", true);
    if (width <= 0) {
      throw new Fault("the width to wrap at must be above 0");
    }
    TextBuilder out = new TextBuilder(budget);
    boolean first = true;
    for (Object line : TextSplit.lines(text, false, budget)) {
      TextWrap wrap = new TextWrap(width, breakWords, hyphens, budget);
      wrap.fill((Text) line);
      // A line of white space alone is one, and empty.
      for (Text each : wrap.lines.isEmpty() ? List.of(Text.EMPTY) : wrap.lines) {
        out.append(first ? Text.EMPTY : between).append(each);
        first = false;
      }
    }
    return out.toText();
  }

  private Deque<Text> chunks(Text line) {
    Deque<Text> chunks = new ArrayDeque<>();
    Matcher matcher = (breakAtHyphens ? CHUNK : SIMPLE_CHUNK).matcher(line.value());
    int from = 0;
    while (matcher.find()) {
      budget.step();
      if (matcher.start() > from) {
        chunks.add(line.slice(from, matcher.start()));
      }
      chunks.add(line.slice(matcher.start(), matcher.end()));
      from = matcher.end();
    }
    if (from < line.length()) {
      chunks.add(line.slice(from, line.length()));
    }
    return chunks;
  }

  private void fill(Text whole) {
    Deque<Text> chunks = chunks(whole);
    while (!chunks.isEmpty()) {
      budget.step();
      if (!lines.isEmpty() && isBlank(chunks.getFirst())) {
        chunks.removeFirst();
      }
      List<Text> line = new ArrayList<>();
      long left = width;
      while (!chunks.isEmpty() && chunks.getFirst().codePoints() <= left) {
        left -= chunks.getFirst().codePoints();
        line.add(chunks.removeFirst());
      }
      if (!chunks.isEmpty() && chunks.getFirst().codePoints() > width) {
        addLong(chunks, line, left);
      }
      if (!line.isEmpty() && isBlank(line.getLast())) {
        line.removeLast();
      }
      if (!line.isEmpty()) {
        TextBuilder joined = new TextBuilder(budget);
        line.forEach(joined::append);
        lines.add(joined.toText());
      }
    }
  }

  /** A chunk that fits into no line. */
  private void addLong(Deque<Text> chunks, List<Text> line, long left) {
    if (!breakWords) {
      if (line.isEmpty()) {
        line.add(chunks.removeFirst());
      }
      return;
    }
    Text chunk = chunks.removeFirst();
    // What is left of it is copied for each line that it fills.
    budget.chars(chunk.length());
    int end = chunk.offset((int) left);
    int hyphen = breakAtHyphens ? chunk.value().lastIndexOf('-', end - 1) : -1;
    if (hyphen > 0 && chunk.value().chars().limit(hyphen).anyMatch(c -> c != '-')) {
      end = hyphen + 1;
    }
    line.add(chunk.slice(0, end));
    chunks.addFirst(chunk.slice(end, chunk.length()));
  }

  private static boolean isBlank(Text text) {
    return text.value().codePoints().allMatch(Characters::isSpace);
  }
}

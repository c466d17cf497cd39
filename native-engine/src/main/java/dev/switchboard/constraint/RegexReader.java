package dev.switchboard.constraint;

import dev.switchboard.constraint.RegexNfa.When;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the regular part of ECMA's and Java's expressions: what only a search that goes back could
 * match (references, looking ahead and behind) does not exist here.
 *
 * <p>Where the two differ, what both match is taken: {@code .} is no line end of either, {@code \s}
 * is ASCII white space and {@code \S} no white space at all.
 */
final class RegexReader {
  /** Most times that one thing is repeated. */
  private static final int MOST_REPEATS = 10_000;

  private static final String LOOKS_AHEAD =
      "looks ahead or behind or sets flags, which is not supported";

  private static final CodePoints DIGITS = CodePoints.range('0', '9');
  private static final CodePoints WORD =
      DIGITS.plus('a', 'z').plus('A', 'Z').union(CodePoints.of('_'));
  private static final CodePoints SPACES = CodePoints.anyOf(" \t\n\r\f\u000b");
  private static final CodePoints ALL_SPACES =
      SPACES
          .union(CodePoints.anyOf("\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"))
          .plus(0x2000, 0x200a);
  private static final CodePoints NO_LINE_END =
      CodePoints.ALL.minus(CodePoints.anyOf("\n\r\u0085\u2028\u2029"));

  /** An expression's parts, before repeats are written out. */
  private sealed interface Part {}

  private record One(CodePoints set) implements Part {}

  private record Assertion(When when) implements Part {}

  private record Parts(List<Part> parts) implements Part {}

  private record Options(List<Part> options) implements Part {}

  /** What must, or must not, follow the place where it stands. */
  private record Looking(Part part, boolean forbidden) implements Part {}

  /** The rest of the text: a part that must, or must not, begin like another one. */
  private record Rest(Part part, Looking looking) implements Part {}

  private record Repeated(Part part, int least, int most) implements Part {}

  private static final List<Part> START = List.of(new Assertion(When.AT_START));

  private static final Part NOTHING = new Parts(List.of());

  private static final Part END = new Assertion(When.AT_END);

  private final int[] pattern;
  private final String path;
  private final CompileBudget budget;
  private final List<Ahead> ahead = new ArrayList<>();
  private int at;
  private boolean looking;

  /** What must, or must not, follow the start of the text. */
  private record Ahead(Part part, boolean forbidden) {}

  private RegexReader(String pattern, String path, CompileBudget budget) {
    CompileBudget.checkSource(pattern);
    this.pattern = pattern.codePoints().toArray();
    this.path = path;
    this.budget = budget;
  }

  /**
   * What a pattern asks of a text, wherever in it.
   *
   * @param strings the pattern's, which also are what it looks ahead for at its start
   * @param not expressions that must not match
   * @param isAll whether nothing that matches is left out
   */
  record Found(StringSet strings, List<RegexNfa> not, boolean isAll) {}

  /**
   * @param path where the expression stands, for complaints
   * @param anywhere whether it may match a part of the text
   */
  static RegexNfa read(String pattern, String path, boolean anywhere, CompileBudget budget) {
    RegexReader reader = new RegexReader(pattern, path, budget);
    Part part = reader.whole();
    if (!reader.ahead.isEmpty() || reader.looking) {
      throw reader.wrong(LOOKS_AHEAD);
    }
    return write(part, anywhere, budget);
  }

  /** A pattern that may look ahead right behind the {@code ^} at its start. */
  static Found find(String pattern, String path, CompileBudget budget) {
    RegexReader reader = new RegexReader(pattern, path, budget);
    Part part = reader.whole();
    Repeated counted = lengthOf(part);
    Part loop = counted == null ? part : whole(new Repeated(counted.part, 0, -1));
    List<RegexNfa> all = new ArrayList<>(List.of(write(loop, true, budget)));
    int least = counted == null ? 0 : counted.least;
    int most = counted == null ? -1 : counted.most;
    boolean isAll = true;
    List<RegexNfa> not = new ArrayList<>();
    for (Ahead ahead : reader.ahead) {
      Part atStart = new Parts(List.of(new Assertion(When.AT_START), ahead.part));
      Repeated length = ahead.forbidden ? null : lengthAhead(ahead.part);
      if (length != null) {
        least = Math.max(least, length.least);
        most = most < 0 ? length.most : Math.min(most, length.most);
        isAll &= ((Parts) ahead.part).parts.size() == 2;
        atStart = whole(new Repeated(length.part, 0, -1));
      }
      (ahead.forbidden ? not : all).add(write(atStart, true, budget));
    }
    return new Found(new StringSet(List.copyOf(all), least, most), not, isAll);
  }

  /** The repeat that is all of a pattern and repeats one character: a length; else null. */
  private static @Nullable Repeated lengthOf(Part part) {
    boolean counts =
        part instanceof Parts(List<Part> parts)
            && parts.size() == 3
            && parts.getFirst().equals(START.getFirst())
            && parts.getLast().equals(END)
            && parts.get(1) instanceof Repeated(Part one, int least, int most)
            && one instanceof One
            && Math.max(least, most) > 1;
    return counts ? (Repeated) ((Parts) part).parts.get(1) : null;
  }

  /**
   * The repeat of one character that must be all of the text, with or without one more of them at
   * its end: {@code .{1,253}\.?$}. The longest text, which needs that one, is not written.
   */
  private static @Nullable Repeated lengthAhead(Part part) {
    boolean counts =
        part instanceof Parts(List<Part> parts)
            && (parts.size() == 2 || (parts.size() == 3 && isOneMore(parts)))
            && parts.getLast().equals(END)
            && parts.getFirst() instanceof Repeated(Part one, int least, int most)
            && one instanceof One
            && most > 1;
    return counts ? (Repeated) ((Parts) part).parts.getFirst() : null;
  }

  /** Whether the second part may be absent and is among what the first one repeats. */
  private static boolean isOneMore(List<Part> parts) {
    return parts.get(0) instanceof Repeated(Part repeated, int _, int _)
        && repeated instanceof One(CodePoints among)
        && parts.get(1) instanceof Repeated(Part more, int least, int most)
        && more instanceof One(CodePoints last)
        && least == 0
        && most == 1
        && last.minus(among).isEmpty();
  }

  private static Part whole(Part part) {
    return new Parts(List.of(START.getFirst(), part, END));
  }

  private Part whole() {
    Part part = options(0);
    if (at < pattern.length) {
      throw wrong("has an unmatched )");
    }
    if (looking) {
      part = resolve(List.of(part));
    }
    if (!ahead.isEmpty() && part instanceof Options) {
      throw wrong(LOOKS_AHEAD);
    }
    return part;
  }

  private static boolean looks(Part part) {
    return switch (part) {
      case Looking looking -> true;
      case Parts(List<Part> parts) -> parts.stream().anyMatch(RegexReader::looks);
      case Options(List<Part> options) -> options.stream().anyMatch(RegexReader::looks);
      case Repeated(Part repeated, int least, int most) -> looks(repeated);
      case One one -> false;
      case Assertion assertion -> false;
      case Rest rest -> false;
    };
  }

  /** Parts up to the pattern's end, where what is looked ahead for holds of all that follows. */
  private Part resolve(List<Part> parts) {
    budget.steps(1 + parts.size());
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      if (!looks(part)) {
        continue;
      }
      List<Part> before = new ArrayList<>(parts.subList(0, i));
      List<Part> behind = parts.subList(i + 1, parts.size());
      switch (part) {
        case Looking looking -> before.add(new Rest(resolve(behind), looking));
        case Parts(List<Part> inner) -> before.add(resolve(joined(inner, behind)));
        case Options(List<Part> options) ->
            before.add(
                new Options(
                    options.stream().map(o -> resolve(joined(List.of(o), behind))).toList()));
        case Repeated(Part once, int least, int most) when least == 0 && most == 1 ->
            before.add(resolve(joined(List.of(new Options(List.of(once, NOTHING))), behind)));
        default -> throw wrong(LOOKS_AHEAD);
      }
      return new Parts(before);
    }
    return new Parts(parts);
  }

  private static List<Part> joined(List<Part> first, List<Part> second) {
    List<Part> all = new ArrayList<>(first);
    all.addAll(second);
    return all;
  }

  private static RegexNfa rest(Rest rest, CompileBudget budget) {
    StringSet own = new StringSet(List.of(beginning(rest.part, budget)), 0, -1);
    StringSet ahead = new StringSet(List.of(beginning(rest.looking.part, budget)), 0, -1);
    return rest.looking.forbidden
        ? StringMachine.minimal(List.of(own, ahead), budget)
        : StringMachine.minimal(own.and(ahead), budget);
  }

  /** Texts that begin with the part. */
  private static RegexNfa beginning(Part part, CompileBudget budget) {
    RegexNfa nfa = new RegexNfa(budget);
    int first = nfa.position();
    int last = nfa.position();
    nfa.step(last, CodePoints.ALL, last);
    write(part, nfa, first, last, budget);
    nfa.between(first, last);
    return nfa;
  }

  private static RegexNfa write(Part part, boolean anywhere, CompileBudget budget) {
    RegexNfa nfa = new RegexNfa(budget);
    int first = nfa.position();
    int last = nfa.position();
    if (anywhere) {
      nfa.step(first, CodePoints.ALL, first);
      nfa.step(last, CodePoints.ALL, last);
      int inner = nfa.position();
      int end = nfa.position();
      nfa.free(first, When.ALWAYS, inner);
      nfa.free(end, When.ALWAYS, last);
      write(part, nfa, inner, end, budget);
    } else {
      write(part, nfa, first, last, budget);
    }
    nfa.between(first, last);
    return nfa;
  }

  // ---- writing -------------------------------------------------------------------------------

  private static void write(Part part, RegexNfa nfa, int from, int to, CompileBudget budget) {
    switch (part) {
      case One(CodePoints set) -> nfa.step(from, set, to);
      case Assertion(When when) -> nfa.free(from, when, to);
      case Parts(List<Part> parts) -> {
        int before = from;
        for (Part next : parts) {
          int after = nfa.position();
          write(next, nfa, before, after, budget);
          before = after;
        }
        nfa.free(before, When.ALWAYS, to);
      }
      case Options(List<Part> options) -> {
        for (Part option : options) {
          int inner = nfa.position();
          nfa.free(from, When.ALWAYS, inner);
          write(option, nfa, inner, to, budget);
        }
      }
      case Repeated(Part repeated, int least, int most) ->
          repeat(repeated, least, most, nfa, from, to, budget);
      case Rest rest -> nfa.rest(rest(rest, budget), from, to);
      case Looking looking -> throw new IllegalStateException("it was not resolved");
    }
  }

  private static void repeat(
      Part part, int least, int most, RegexNfa nfa, int from, int to, CompileBudget budget) {
    int before = nfa.position();
    nfa.free(from, When.ALWAYS, before);
    for (int i = 0; i < least; i++) {
      int after = nfa.position();
      write(part, nfa, before, after, budget);
      before = after;
    }
    if (most < 0) {
      int loop = nfa.position();
      int inner = nfa.position();
      nfa.free(before, When.ALWAYS, loop);
      nfa.free(loop, When.ALWAYS, inner);
      write(part, nfa, inner, loop, budget);
      before = loop;
    }
    for (int i = least; i < most; i++) {
      nfa.free(before, When.ALWAYS, to);
      int after = nfa.position();
      write(part, nfa, before, after, budget);
      before = after;
    }
    nfa.free(before, When.ALWAYS, to);
  }

  // ---- reading -------------------------------------------------------------------------------

  private ConstraintException wrong(String complaint) {
    return new ConstraintException(path, complaint);
  }

  private boolean has(char next) {
    return at < pattern.length && pattern[at] == next;
  }

  private boolean take(char next) {
    boolean found = has(next);
    at += found ? 1 : 0;
    return found;
  }

  private int next() {
    if (at == pattern.length) {
      throw wrong("ends too early");
    }
    return pattern[at++];
  }

  private Part options(int depth) {
    CompileBudget.checkDepth(depth, path);
    List<Part> options = new ArrayList<>();
    do {
      options.add(parts(depth));
    } while (take('|'));
    return options.size() == 1 ? options.getFirst() : new Options(options);
  }

  private Part parts(int depth) {
    List<Part> parts = new ArrayList<>();
    while (at < pattern.length && !has('|') && !has(')')) {
      budget.part();
      boolean atStart = parts.equals(START) && depth == 0;
      if (!atStart || !looksAhead()) {
        parts.add(repeated(one(depth)));
      }
    }
    return new Parts(parts);
  }

  /** Takes what is looked ahead for, if that stands here. */
  private boolean looksAhead() {
    boolean looks =
        at + 2 < pattern.length
            && pattern[at] == '('
            && pattern[at + 1] == '?'
            && (pattern[at + 2] == '=' || pattern[at + 2] == '!');
    if (looks) {
      boolean forbidden = pattern[at + 2] == '!';
      at += 3;
      Part part = options(1);
      if (!take(')')) {
        throw wrong("has an unmatched (");
      }
      ahead.add(new Ahead(part, forbidden));
    }
    return looks;
  }

  private Part one(int depth) {
    int c = next();
    return switch (c) {
      case '(' -> group(depth);
      case '[' -> new One(set());
      case '.' -> new One(NO_LINE_END);
      case '^' -> new Assertion(When.AT_START);
      case '$' -> new Assertion(When.AT_END);
      case '\\' -> new One(escape(false));
      case '*', '+', '?' -> throw wrong("repeats nothing at " + (at - 1));
      case '{', '}' -> throw wrong("has a " + (char) c + " that is not escaped");
      default -> literal(c);
    };
  }

  private Part literal(int c) {
    if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
      throw wrong("has half of a surrogate pair");
    }
    return new One(CodePoints.of(c));
  }

  private Part group(int depth) {
    if (take('?') && !take(':')) {
      if (has('=') || has('!')) {
        return looking(depth);
      }
      boolean behind = take('<');
      if (!behind || has('=') || has('!')) {
        throw wrong(LOOKS_AHEAD);
      }
      while (next() != '>') {
        // A group's name means nothing here.
      }
    }
    Part inside = options(depth + 1);
    if (!take(')')) {
      throw wrong("has an unmatched (");
    }
    return inside;
  }

  private Part looking(int depth) {
    boolean forbidden = next() == '!';
    Part inside = options(depth + 1);
    if (!take(')')) {
      throw wrong("has an unmatched (");
    }
    if (looks(inside) || begins(inside)) {
      throw wrong(LOOKS_AHEAD);
    }
    looking = true;
    return new Looking(inside, forbidden);
  }

  /** Whether it asks for the text's start, where it need not be. */
  private static boolean begins(Part part) {
    return switch (part) {
      case Assertion(When when) -> when == When.AT_START;
      case Parts(List<Part> parts) -> parts.stream().anyMatch(RegexReader::begins);
      case Options(List<Part> options) -> options.stream().anyMatch(RegexReader::begins);
      case Repeated(Part repeated, int least, int most) -> begins(repeated);
      default -> false;
    };
  }

  private Part repeated(Part part) {
    Part found = null;
    if (take('*')) {
      found = new Repeated(part, 0, -1);
    } else if (take('+')) {
      found = new Repeated(part, 1, -1);
    } else if (take('?')) {
      found = new Repeated(part, 0, 1);
    } else if (take('{')) {
      found = counted(part);
    }
    if (found == null) {
      return part;
    }
    if (part instanceof Assertion || part instanceof Looking) {
      throw wrong("repeats an assertion");
    }
    // A lazy repeat matches the same texts.
    if (!take('?') && has('+')) {
      throw wrong("has a possessive repeat, which is not supported");
    }
    if (has('*') || has('?') || has('{')) {
      throw wrong("repeats a repeat at " + at);
    }
    return found;
  }

  private Part counted(Part part) {
    int least = number();
    int most = least;
    if (take(',')) {
      most = has('}') ? -1 : number();
    }
    if (!take('}')) {
      throw wrong("has a { without its }");
    }
    if (most >= 0 && most < least) {
      throw wrong("repeats at least " + least + " but at most " + most + " times");
    }
    return new Repeated(part, least, most);
  }

  private int number() {
    int begin = at;
    int value = 0;
    while (at < pattern.length && pattern[at] >= '0' && pattern[at] <= '9') {
      value = Math.min(MOST_REPEATS + 1, value * 10 + pattern[at++] - '0');
    }
    if (begin == at) {
      throw wrong("has a { without a number");
    }
    if (value > MOST_REPEATS) {
      throw wrong("repeats more than " + MOST_REPEATS + " times");
    }
    return value;
  }

  private CodePoints set() {
    boolean negated = take('^');
    CodePoints found = CodePoints.NONE;
    if (has(']')) {
      throw wrong("has an empty set");
    }
    while (!take(']')) {
      budget.steps(1 + found.ranges() / 2);
      CodePoints low = member(negated);
      if (has('-') && at + 1 < pattern.length && pattern[at + 1] != ']') {
        at++;
        found = found.plus(single(low), upTo(single(low), member(negated)));
      } else {
        found = found.union(low);
      }
    }
    CodePoints result = negated ? found.complement() : found;
    if (result.isEmpty()) {
      throw wrong("has a set without members");
    }
    return result;
  }

  private CodePoints member(boolean negated) {
    int c = next();
    if (c == '[' || (c == '&' && has('&'))) {
      throw wrong("has a [ or && inside a set, which must be escaped");
    }
    return c == '\\' ? escape(negated) : CodePoints.NONE.union(((One) literal(c)).set());
  }

  private int single(CodePoints set) {
    if (set.ranges() != 1 || set.low(0) != set.high(0)) {
      throw wrong("has a range whose end is a set");
    }
    return set.low(0);
  }

  private int upTo(int low, CodePoints high) {
    int last = single(high);
    if (last < low) {
      throw wrong("has a range that ends before it begins");
    }
    return last;
  }

  /**
   * @param negated inside a negated set, where the larger reading of a class leaves less
   */
  private CodePoints escape(boolean negated) {
    int c = next();
    return switch (c) {
      case 'd' -> DIGITS;
      case 'D' -> DIGITS.complement();
      case 'w' -> WORD;
      case 'W' -> WORD.complement();
      case 's' -> negated ? ALL_SPACES : SPACES;
      case 'p' -> property();
      case 'P' -> property().complement();
      case 'S' -> (negated ? SPACES : ALL_SPACES).complement();
      case 't' -> CodePoints.of('\t');
      case 'n' -> CodePoints.of('\n');
      case 'r' -> CodePoints.of('\r');
      case 'f' -> CodePoints.of('\f');
      case 'v' -> CodePoints.of(0x0b);
      case 'x' -> character(hex(2));
      case 'u' -> character(has('{') ? braced() : unit());
      default -> {
        boolean letter = Character.isLetterOrDigit(c);
        if (letter) {
          throw wrong("has \\" + Character.toString(c) + ", which is not supported");
        }
        yield ((One) literal(c)).set();
      }
    };
  }

  private CodePoints property() {
    StringBuilder name = new StringBuilder();
    if (!take('{')) {
      throw wrong("has a \\p without its {");
    }
    while (!take('}')) {
      name.appendCodePoint(next());
    }
    CodePoints found = UnicodeProperty.of(name.toString());
    if (found == null) {
      throw wrong("has \\p{" + name + "}, which is not known");
    }
    budget.steps(found.ranges());
    return found;
  }

  private CodePoints character(int c) {
    return ((One) literal(c)).set();
  }

  private int unit() {
    int high = hex(4);
    if (!Character.isHighSurrogate((char) high) || !take('\\') || !take('u')) {
      return high;
    }
    return Character.toCodePoint((char) high, (char) hex(4));
  }

  private int braced() {
    take('{');
    int value = 0;
    for (int digits = 0; !take('}'); digits++) {
      value = value * 16 + hex(1);
      if (digits > 5 || value > CodePoints.MOST) {
        throw wrong("has a character beyond Unicode");
      }
    }
    return value;
  }

  private int hex(int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
      int digit = Character.digit(next(), 16);
      if (digit < 0) {
        throw wrong("has a broken escape");
      }
      value = value * 16 + digit;
    }
    return value;
  }
}

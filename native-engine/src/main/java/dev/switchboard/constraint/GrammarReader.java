package dev.switchboard.constraint;

import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Characters;
import dev.switchboard.constraint.Expression.Choice;
import dev.switchboard.constraint.Expression.Repeat;
import dev.switchboard.constraint.Expression.Rule;
import dev.switchboard.constraint.Expression.Sequence;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads GBNF: rules {@code name ::= …} of literals, character sets, groups, alternatives, repeats
 * ({@code *}, {@code +}, {@code ?}, {@code {m,n}}) and comments. A rule ends with its line, unless
 * that ends inside a group or the next line begins with {@code |}.
 */
final class GrammarReader {
  private static final int MOST_REPEATS = 10_000;

  private final int[] text;
  private final CompileBudget budget;
  private final Map<String, Rule> rules = new LinkedHashMap<>();
  private final Set<String> defined = new LinkedHashSet<>();
  private int at;
  private int line = 1;

  private GrammarReader(String text, CompileBudget budget) {
    CompileBudget.checkSource(text);
    this.text = text.codePoints().toArray();
    this.budget = budget;
  }

  /** The rule {@code root}. */
  static Rule read(String text, CompileBudget budget) {
    return new GrammarReader(text, budget).rules();
  }

  private ConstraintException wrong(String complaint) {
    return new ConstraintException("", "has in line " + line + " " + complaint);
  }

  private Rule rules() {
    skip(true);
    while (at < text.length) {
      rule();
      skip(true);
    }
    for (String name : rules.keySet()) {
      if (!defined.contains(name)) {
        throw new ConstraintException("", "uses the rule " + name + ", which it does not define");
      }
    }
    Rule root = rules.get("root");
    if (root == null) {
      throw new ConstraintException("", "has no rule root");
    }
    return root;
  }

  private void rule() {
    String name = name();
    if (!defined.add(name)) {
      throw wrong("a second rule " + name);
    }
    skip(false);
    for (char sign : new char[] {':', ':', '='}) {
      if (!take(sign)) {
        throw wrong("no ::= after the rule's name");
      }
    }
    skip(true);
    Rule rule = rules.computeIfAbsent(name, Rule::new);
    rule.define(options(0));
    if (at < text.length && text[at] != '\n' && text[at] != '\r') {
      throw wrong("something that does not belong to a rule: " + Character.toString(text[at]));
    }
  }

  private Expression options(int depth) {
    CompileBudget.checkDepth(depth, "");
    List<Expression> options = new ArrayList<>();
    options.add(items(depth));
    while (continues('|', depth > 0)) {
      skip(true);
      options.add(items(depth));
    }
    return options.size() == 1 ? options.getFirst() : new Choice(options);
  }

  /** Takes the character where it stands; outside of groups it may begin the next line. */
  private boolean continues(char wanted, boolean insideGroup) {
    int begin = at;
    int beginLine = line;
    skip(true);
    if (take(wanted)) {
      return true;
    }
    if (!insideGroup) {
      at = begin;
      line = beginLine;
    }
    return false;
  }

  private Expression items(int depth) {
    List<Expression> items = new ArrayList<>();
    skip(depth > 0);
    while (at < text.length && "|)\n\r".indexOf(text[at]) < 0) {
      budget.part();
      items.add(repeated(item(depth)));
      skip(depth > 0);
    }
    return new Sequence(items);
  }

  private Expression item(int depth) {
    int c = text[at];
    if (c == '"') {
      return literal();
    }
    if (c == '[') {
      return set();
    }
    if (c == '.') {
      at++;
      return new Characters(CodePoints.ALL);
    }
    if (c == '(') {
      at++;
      Expression inside = options(depth + 1);
      skip(true);
      if (!take(')')) {
        throw wrong("an unmatched (");
      }
      return inside;
    }
    if (!isName(c)) {
      throw wrong("what begins no item: " + Character.toString(c));
    }
    return new Call(rules.computeIfAbsent(name(), Rule::new));
  }

  private Expression repeated(Expression item) {
    Expression found = item;
    boolean isRepeated = false;
    while (at < text.length && "*+?{".indexOf(text[at]) >= 0) {
      if (isRepeated) {
        throw wrong("a repeat of a repeat");
      }
      isRepeated = true;
      found =
          switch (text[at++]) {
            case '*' -> new Repeat(item, 0, -1);
            case '+' -> new Repeat(item, 1, -1);
            case '?' -> new Repeat(item, 0, 1);
            default -> counted(item);
          };
    }
    return found;
  }

  private Expression counted(Expression item) {
    skip(false);
    boolean open = has(',');
    int least = open ? 0 : number();
    int most = least;
    skip(false);
    if (take(',')) {
      skip(false);
      most = has('}') ? -1 : number();
      skip(false);
    }
    if (!take('}') || (open && most < 0)) {
      throw wrong("a broken repeat count");
    }
    if (most >= 0 && most < least) {
      throw wrong("a repeat of at least " + least + " but at most " + most);
    }
    return new Repeat(item, least, most);
  }

  private int number() {
    int begin = at;
    int value = 0;
    while (at < text.length && text[at] >= '0' && text[at] <= '9') {
      value = Math.min(MOST_REPEATS + 1, value * 10 + text[at++] - '0');
    }
    if (begin == at || value > MOST_REPEATS) {
      throw wrong("a repeat count that is no number up to " + MOST_REPEATS);
    }
    return value;
  }

  private Expression literal() {
    at++;
    StringBuilder literal = new StringBuilder();
    while (!take('"')) {
      literal.appendCodePoint(character('"'));
    }
    return Expression.text(literal.toString());
  }

  private Expression set() {
    at++;
    boolean negated = take('^');
    CodePoints found = CodePoints.NONE;
    while (!take(']')) {
      budget.steps(1 + found.ranges() / 2);
      int low = character(']');
      int high = low;
      if (has('-') && at + 1 < text.length && text[at + 1] != ']') {
        at++;
        high = character(']');
      }
      if (high < low) {
        throw wrong("a range that ends before it begins");
      }
      found = found.plus(low, high);
    }
    return new Characters(negated ? found.complement() : found);
  }

  private int character(char end) {
    int c = next(end);
    if (c == '\\') {
      c = escape(next(end));
    }
    if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
      throw wrong("half of a surrogate pair");
    }
    return c;
  }

  private int next(char end) {
    if (at == text.length || text[at] == '\n') {
      throw wrong("no closing " + end);
    }
    return text[at++];
  }

  private int escape(int c) {
    return switch (c) {
      case 'n' -> '\n';
      case 't' -> '\t';
      case 'r' -> '\r';
      case 'x' -> hex(2);
      case 'u' -> hex(4);
      case 'U' -> hex(8);
      case '\\', '"', '[', ']', '^', '-', '/' -> c;
      default -> throw wrong("an unknown escape \\" + Character.toString(c));
    };
  }

  private int hex(int digits) {
    long value = 0;
    for (int i = 0; i < digits; i++) {
      int digit = at < text.length ? Character.digit(text[at++], 16) : -1;
      if (digit < 0) {
        throw wrong("a broken escape");
      }
      value = value * 16 + digit;
    }
    if (value > CodePoints.MOST) {
      throw wrong("a character beyond Unicode");
    }
    return (int) value;
  }

  private String name() {
    StringBuilder name = new StringBuilder();
    while (at < text.length && isName(text[at])) {
      name.appendCodePoint(text[at++]);
    }
    if (name.isEmpty()) {
      throw wrong("no rule where one should begin");
    }
    return name.toString();
  }

  private static boolean isName(int c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '-'
        || c == '_';
  }

  private boolean has(char wanted) {
    return at < text.length && text[at] == wanted;
  }

  private boolean take(char wanted) {
    boolean found = has(wanted);
    at += found ? 1 : 0;
    return found;
  }

  private void skip(boolean overLines) {
    while (at < text.length) {
      int c = text[at];
      if (c == '#') {
        while (at < text.length && text[at] != '\n') {
          at++;
        }
      } else if (c == ' ' || c == '\t' || (overLines && (c == '\n' || c == '\r'))) {
        line += c == '\n' ? 1 : 0;
        at++;
      } else {
        return;
      }
    }
  }
}

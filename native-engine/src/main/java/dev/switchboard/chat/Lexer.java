package dev.switchboard.chat;

import dev.switchboard.chat.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Cuts a template into tokens, with {@code trim_blocks} and {@code lstrip_blocks} on, as chat
 * templates are written for: the first line break after a block or comment goes, and so does the
 * indentation before one that starts its line; {@code -} strips all white space on its side, {@code
 * +} keeps what these rules would take.
 */
final class Lexer {
  private static final List<String> LONG_OPERATORS = List.of("//", "**", "==", "!=", ">=", "<=");
  private static final String OPERATORS = "+-/*%~[](){}><=.:|,;";

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private final Deque<Character> open = new ArrayDeque<>();
  private int at;
  private int line = 1;

  /** Whether what was read last ended a line (or nothing was read yet). */
  private boolean lineStarts = true;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String source) {
    Lexer lexer = new Lexer(normalize(source));
    lexer.run();
    return lexer.tokens;
  }

  /** Line breaks become {@code \n}, and the last one goes. */
  private static String normalize(String source) {
    String text = source.replace("\r\n", "\n").replace('\r', '\n');
    return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
  }

  private void run() {
    while (at < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        addData(source.substring(at));
        break;
      }
      readTag(tag);
    }
    add(Kind.END, "");
  }

  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      char next = charAt(i + 1);
      if (next == '%' || next == '{' || next == '#') {
        return i;
      }
    }
    return -1;
  }

  private void readTag(int tag) {
    char kind = charAt(tag + 1);
    char sign = charAt(tag + 2);
    boolean signed = sign == '-' || sign == '+';
    addData(before(source.substring(at, tag), signed ? sign : ' ', kind != '{'));
    countLines(at, tag);
    int inside = tag + (signed ? 3 : 2);
    switch (kind) {
      case '#' -> readComment(inside);
      case '{' -> readExpression(Kind.VARIABLE_BEGIN, Kind.VARIABLE_END, inside);
      default -> {
        if (!readRaw(inside)) {
          readExpression(Kind.BLOCK_BEGIN, Kind.BLOCK_END, inside);
        }
      }
    }
  }

  /** The text before a tag, less what the tag's sign or lstrip_blocks takes. */
  private String before(String text, char sign, boolean block) {
    if (sign == '-') {
      return text.substring(0, Characters.spaceStart(text, text.length()));
    }
    if (sign == '+' || !block) {
      return text;
    }
    int lineStart = text.lastIndexOf('\n') + 1;
    boolean blank = Characters.spaceStart(text, text.length()) <= lineStart;
    return blank && (lineStart > 0 || lineStarts) ? text.substring(0, lineStart) : text;
  }

  private void readComment(int inside) {
    int end = source.indexOf("#}", inside);
    if (end < 0) {
      throw fault("a comment does not end");
    }
    boolean minus = end > inside && charAt(end - 1) == '-';
    boolean plus = end > inside && charAt(end - 1) == '+';
    moveTo(inside);
    moveTo(afterTag(end + 2, minus, plus));
  }

  /** Where text goes on after a closing tag. */
  private int afterTag(int end, boolean minus, boolean plus) {
    int next = minus ? Characters.spaceEnd(source, end) : end;
    if (!minus && !plus && charAt(end) == '\n') {
      next++;
    }
    lineStarts = charAt(next - 1) == '\n';
    return next;
  }

  private void moveTo(int next) {
    countLines(at, next);
    at = next;
  }

  private void countLines(int from, int to) {
    for (int i = from; i < to; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
    at = Math.max(at, to);
  }

  private boolean readRaw(int inside) {
    int afterWord = wordEnd(inside, "raw");
    if (afterWord < 0) {
      return false;
    }
    boolean minus = charAt(afterWord) == '-';
    int end = afterWord + (minus ? 1 : 0);
    if (!source.startsWith("%}", end)) {
      return false;
    }
    int start = minus ? Characters.spaceEnd(source, end + 2) : end + 2;
    lineStarts = charAt(start - 1) == '\n';
    moveTo(start);
    readRawBody(start);
    return true;
  }

  private void readRawBody(int start) {
    for (int tag = source.indexOf("{%", start); tag >= 0; tag = source.indexOf("{%", tag + 1)) {
      char sign = charAt(tag + 2);
      boolean signed = sign == '-' || sign == '+';
      int afterWord = wordEnd(tag + (signed ? 3 : 2), "endraw");
      if (afterWord < 0) {
        continue;
      }
      boolean minus = charAt(afterWord) == '-';
      boolean plus = charAt(afterWord) == '+';
      int end = afterWord + (minus || plus ? 1 : 0);
      if (source.startsWith("%}", end)) {
        addData(before(source.substring(start, tag), signed ? sign : ' ', true));
        moveTo(afterTag(end + 2, minus, plus));
        return;
      }
    }
    throw fault("a raw block does not end");
  }

  /** Index after white space, word and white space; -1 if the word is not there. */
  private int wordEnd(int from, String word) {
    int start = Characters.spaceEnd(source, from);
    return source.startsWith(word, start) ? Characters.spaceEnd(source, start + word.length()) : -1;
  }

  private void readExpression(Kind begin, Kind end, int inside) {
    add(begin, "");
    moveTo(inside);
    open.clear();
    while (!readEnd(end)) {
      readToken();
    }
  }

  private boolean readEnd(Kind end) {
    if (!open.isEmpty()) {
      return false;
    }
    String sign = end == Kind.BLOCK_END ? "%}" : "}}";
    boolean minus = source.startsWith("-" + sign, at);
    boolean plus = end == Kind.BLOCK_END && source.startsWith("+" + sign, at);
    if (!minus && !plus && !source.startsWith(sign, at)) {
      return false;
    }
    add(end, "");
    int after = at + sign.length() + (minus || plus ? 1 : 0);
    // Only blocks swallow the line break after them.
    moveTo(afterTag(after, minus, plus || end == Kind.VARIABLE_END));
    return true;
  }

  private void readToken() {
    if (at >= source.length()) {
      throw fault("a tag does not end");
    }
    char c = source.charAt(at);
    if (Characters.isSpace(c)) {
      moveTo(Characters.spaceEnd(source, at));
    } else if (c >= '0' && c <= '9') {
      readNumber();
    } else if (Characters.isWord(source.codePointAt(at))) {
      readName();
    } else if (c == '\'' || c == '"') {
      readString(c);
    } else {
      readOperator();
    }
  }

  private void readName() {
    int end = at;
    while (end < source.length() && Characters.isWord(source.codePointAt(end))) {
      end += Character.charCount(source.codePointAt(end));
    }
    addAndMove(Kind.NAME, source.substring(at, end), end);
  }

  private void readNumber() {
    boolean afterDot = at > 0 && source.charAt(at - 1) == '.';
    int end = prefixedEnd();
    if (end > at) {
      addAndMove(Kind.INTEGER, source.substring(at, end).replace("_", ""), end);
      return;
    }
    end = digitsEnd(at);
    int integerEnd = end;
    if (!afterDot && charAt(end) == '.' && Character.isDigit(charAt(end + 1))) {
      end = digitsEnd(end + 1);
    }
    if (!afterDot && (charAt(end) == 'e' || charAt(end) == 'E')) {
      int sign = charAt(end + 1) == '+' || charAt(end + 1) == '-' ? 1 : 0;
      end = Character.isDigit(charAt(end + 1 + sign)) ? digitsEnd(end + 1 + sign) : end;
    }
    Kind kind = end == integerEnd ? Kind.INTEGER : Kind.FLOAT;
    addAndMove(kind, source.substring(at, end).replace("_", ""), end);
  }

  /** End of a hexadecimal, octal or binary number; at when there is none. */
  private int prefixedEnd() {
    int base = "xXoObB".indexOf(charAt(at + 1));
    if (source.charAt(at) != '0' || base < 0) {
      return at;
    }
    int radix = base < 2 ? 16 : base < 4 ? 8 : 2;
    int end = at + 2;
    while (Character.digit(charAt(end), radix) >= 0 || charAt(end) == '_') {
      end++;
    }
    return end > at + 2 ? end : at;
  }

  private int digitsEnd(int from) {
    int end = from;
    while ((charAt(end) >= '0' && charAt(end) <= '9')
        || (charAt(end) == '_' && Character.isDigit(charAt(end + 1)))) {
      end++;
    }
    return end;
  }

  private void readString(char quote) {
    int end = at + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    if (end >= source.length()) {
      throw fault("a string does not end");
    }
    String literal = StringLiteral.unescape(source.substring(at + 1, end));
    addAndMove(Kind.STRING, literal, end + 1);
  }

  private void readOperator() {
    for (String sign : LONG_OPERATORS) {
      if (source.startsWith(sign, at)) {
        addAndMove(Kind.OPERATOR, sign, at + 2);
        return;
      }
    }
    char c = source.charAt(at);
    if (OPERATORS.indexOf(c) < 0) {
      throw fault("unexpected character '" + c + "'");
    }
    balance(c);
    addAndMove(Kind.OPERATOR, String.valueOf(c), at + 1);
  }

  private void balance(char c) {
    switch (c) {
      case '(' -> open.push(')');
      case '[' -> open.push(']');
      case '{' -> open.push('}');
      case ')', ']', '}' -> {
        if (open.isEmpty() || open.pop() != c) {
          throw fault("unexpected '" + c + "'");
        }
      }
      default -> {}
    }
  }

  private char charAt(int index) {
    return index >= 0 && index < source.length() ? source.charAt(index) : '\0';
  }

  private void addData(String text) {
    if (!text.isEmpty()) {
      add(Kind.DATA, text);
    }
  }

  private void addAndMove(Kind kind, String text, int end) {
    add(kind, text);
    moveTo(end);
  }

  private void add(Kind kind, String text) {
    tokens.add(new Token(kind, text, line));
  }

  private Fault fault(String complaint) {
    return new Fault(complaint + " (line " + line + ")");
  }
}

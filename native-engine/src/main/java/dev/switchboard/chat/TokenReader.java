package dev.switchboard.chat;

import dev.switchboard.chat.Token.Kind;
import java.util.List;

/** A cursor over tokens, which also bounds how deep the parsers that share it recurse. */
final class TokenReader {
  private final List<Token> tokens;
  private final int mostDepth;
  private int at;
  private int depth;

  TokenReader(List<Token> tokens, int mostDepth) {
    this.tokens = tokens;
    this.mostDepth = mostDepth;
  }

  Token peek() {
    return tokens.get(at);
  }

  Token next() {
    Token token = tokens.get(at);
    if (token.kind() != Kind.END) {
      at++;
    }
    return token;
  }

  boolean isKind(Kind kind) {
    return peek().kind() == kind;
  }

  boolean isOperator(String sign) {
    return peek().isOperator(sign);
  }

  boolean isName(String name) {
    return peek().isName(name);
  }

  /** Whether the token after the next one is this operator. */
  boolean isOperatorSecond(String sign) {
    return at + 1 < tokens.size() && tokens.get(at + 1).isOperator(sign);
  }

  boolean isNameSecond(String name) {
    return at + 1 < tokens.size() && tokens.get(at + 1).isName(name);
  }

  boolean skipOperator(String sign) {
    boolean there = isOperator(sign);
    at += there ? 1 : 0;
    return there;
  }

  boolean skipName(String name) {
    boolean there = isName(name);
    at += there ? 1 : 0;
    return there;
  }

  void expectOperator(String sign) {
    if (!skipOperator(sign)) {
      throw unexpected("'" + sign + "'");
    }
  }

  void expectName(String name) {
    if (!skipName(name)) {
      throw unexpected("'" + name + "'");
    }
  }

  Token expect(Kind kind) {
    if (!isKind(kind)) {
      throw unexpected(new Token(kind, "", 0).describe());
    }
    return next();
  }

  String expectName() {
    if (!isKind(Kind.NAME)) {
      throw unexpected("a name");
    }
    return next().text();
  }

  void enter() {
    if (++depth > mostDepth) {
      throw fault("nesting goes deeper than " + mostDepth);
    }
  }

  void leave() {
    depth--;
  }

  Fault unexpected(String wanted) {
    return fault("expected " + wanted + ", found " + peek().describe());
  }

  Fault fault(String complaint) {
    return new Fault(complaint + " (line " + peek().line() + ")");
  }
}

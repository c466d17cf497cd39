package dev.switchboard.chat;

import dev.switchboard.chat.Expression.Call;
import dev.switchboard.chat.Expression.Filtered;
import dev.switchboard.chat.Statement.AttributeTarget;
import dev.switchboard.chat.Statement.Branch;
import dev.switchboard.chat.Statement.CallBlock;
import dev.switchboard.chat.Statement.Data;
import dev.switchboard.chat.Statement.FilterBlock;
import dev.switchboard.chat.Statement.For;
import dev.switchboard.chat.Statement.If;
import dev.switchboard.chat.Statement.Macro;
import dev.switchboard.chat.Statement.NameTarget;
import dev.switchboard.chat.Statement.Output;
import dev.switchboard.chat.Statement.Parameter;
import dev.switchboard.chat.Statement.SetBlock;
import dev.switchboard.chat.Statement.Target;
import dev.switchboard.chat.Statement.TupleTarget;
import dev.switchboard.chat.Statement.With;
import dev.switchboard.chat.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Parses a whole template. */
final class StatementParser {
  private static final Set<String> CONSTANTS =
      Set.of("true", "false", "none", "True", "False", "None");

  private final TokenReader tokens;
  private final ExpressionParser expressions;
  private int loops;

  private StatementParser(TokenReader tokens) {
    this.tokens = tokens;
    this.expressions = new ExpressionParser(tokens);
  }

  static List<Statement> parse(String source, int mostDepth) {
    TokenReader tokens = new TokenReader(Lexer.tokens(source), mostDepth);
    StatementParser parser = new StatementParser(tokens);
    List<Statement> body = parser.parseBody(Set.of());
    if (!tokens.isKind(Kind.END)) {
      throw tokens.unexpected("a statement");
    }
    return body;
  }

  /** Statements up to a tag with one of these names; its name stays unread. */
  private List<Statement> parseBody(Set<String> ends) {
    tokens.enter();
    List<Statement> body = new ArrayList<>();
    while (!tokens.isKind(Kind.END)) {
      Token token = tokens.next();
      if (token.kind() == Kind.DATA) {
        body.add(new Data(token.text()));
      } else if (token.kind() == Kind.VARIABLE_BEGIN) {
        body.add(new Output(expressions.parseTuple(true, false), token.line()));
        tokens.expect(Kind.VARIABLE_END);
      } else if (ends.contains(tokens.peek().text()) && tokens.isKind(Kind.NAME)) {
        break;
      } else {
        body.add(parseStatement());
      }
    }
    tokens.leave();
    return List.copyOf(body);
  }

  /** The body and its end tag. */
  private List<Statement> parseBodyThrough(String end) {
    List<Statement> body = parseBody(Set.of(end));
    tokens.expectName(end);
    tokens.expect(Kind.BLOCK_END);
    return body;
  }

  private Statement parseStatement() {
    int line = tokens.peek().line();
    String name = tokens.expectName();
    return switch (name) {
      case "if" -> parseIf();
      case "for" -> parseFor(line);
      case "set" -> parseSet(line);
      case "macro" -> parseMacro();
      case "call" -> parseCallBlock(line);
      case "filter" -> parseFilterBlock(line);
      case "with" -> parseWith();
      case "generation" -> parseGeneration();
      case "break" -> loopControl(new Statement.Break());
      case "continue" -> loopControl(new Statement.Continue());
      case "print" -> parsePrint(line);
      case "include", "import", "from", "extends", "block" ->
          throw tokens.fault("'" + name + "' is not available: a chat template stands alone");
      default -> throw tokens.fault("unknown tag '" + name + "'");
    };
  }

  private Statement parseIf() {
    List<Branch> branches = new ArrayList<>();
    do {
      int line = tokens.peek().line();
      Expression condition = expressions.parseTuple(false, false);
      tokens.expect(Kind.BLOCK_END);
      branches.add(new Branch(condition, parseBody(Set.of("elif", "else", "endif")), line));
    } while (tokens.skipName("elif"));
    return new If(List.copyOf(branches), parseElse("endif"));
  }

  private List<Statement> parseElse(String end) {
    List<Statement> otherwise = List.of();
    if (tokens.skipName("else")) {
      tokens.expect(Kind.BLOCK_END);
      otherwise = parseBody(Set.of(end));
    }
    tokens.expectName(end);
    tokens.expect(Kind.BLOCK_END);
    return otherwise;
  }

  private Statement parseFor(int line) {
    Target target = parseTarget(false);
    tokens.expectName("in");
    Expression items = expressions.parseTuple(false, false);
    Expression condition = tokens.skipName("if") ? expressions.parse() : null;
    tokens.skipName("recursive");
    tokens.expect(Kind.BLOCK_END);
    loops++;
    List<Statement> body = parseBody(Set.of("else", "endfor"));
    loops--;
    return new For(target, items, condition, body, parseElse("endfor"), line);
  }

  private Statement loopControl(Statement statement) {
    if (loops == 0) {
      throw tokens.fault("'break' and 'continue' belong into a loop");
    }
    tokens.expect(Kind.BLOCK_END);
    return statement;
  }

  private Statement parseSet(int line) {
    Target target = parseTarget(true);
    if (tokens.skipOperator("=")) {
      Expression value = expressions.parseTuple(true, false);
      tokens.expect(Kind.BLOCK_END);
      return new Statement.Set(target, value, line);
    }
    List<Filtered> filters = parseFilters();
    tokens.expect(Kind.BLOCK_END);
    return new SetBlock(target, filters, parseBodyThrough("endset"), line);
  }

  private List<Filtered> parseFilters() {
    List<Filtered> filters = new ArrayList<>();
    while (tokens.skipOperator("|")) {
      filters.add(expressions.parseFilter(null));
    }
    return List.copyOf(filters);
  }

  private Target parseTarget(boolean attributes) {
    List<Target> items = new ArrayList<>();
    boolean comma;
    do {
      items.add(parseSingleTarget(attributes));
      comma = tokens.skipOperator(",");
    } while (comma
        && ((tokens.isKind(Kind.NAME) && !tokens.isName("in")) || tokens.isOperator("(")));
    return items.size() == 1 && !comma ? items.getFirst() : new TupleTarget(List.copyOf(items));
  }

  private Target parseSingleTarget(boolean attributes) {
    if (tokens.skipOperator("(")) {
      tokens.enter();
      Target inside = parseTarget(attributes);
      tokens.leave();
      tokens.expectOperator(")");
      return inside;
    }
    String name = tokens.expectName();
    if (attributes && tokens.skipOperator(".")) {
      return new AttributeTarget(name, tokens.expectName());
    }
    if (CONSTANTS.contains(name)) {
      throw tokens.fault("cannot assign to '" + name + "'");
    }
    return new NameTarget(name);
  }

  private Statement parseMacro() {
    String name = tokens.expectName();
    List<Parameter> parameters = parseParameters();
    tokens.expect(Kind.BLOCK_END);
    return parseMacroBody(name, parameters, "endmacro");
  }

  /** What its body reads, that of macros inside too, decides which arguments a macro takes. */
  private Macro parseMacroBody(String name, List<Parameter> parameters, String end) {
    Set<String> inside = new HashSet<>();
    Set<String> outside = expressions.noteNames(inside);
    List<Statement> body = parseOutsideLoops(end);
    expressions.noteNames(outside);
    outside.addAll(inside);
    parameters.forEach(parameter -> inside.remove(parameter.name()));
    inside.retainAll(MacroValue.SPECIAL);
    return new Macro(name, parameters, Set.copyOf(inside), body);
  }

  /** A macro's body is not part of the loop around it. */
  private List<Statement> parseOutsideLoops(String end) {
    int outer = loops;
    loops = 0;
    List<Statement> body = parseBodyThrough(end);
    loops = outer;
    return body;
  }

  private List<Parameter> parseParameters() {
    tokens.expectOperator("(");
    List<Parameter> parameters = new ArrayList<>();
    while (!tokens.skipOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
      }
      String name = tokens.expectName();
      Expression otherwise = tokens.skipOperator("=") ? expressions.parse() : null;
      if (otherwise == null && !parameters.isEmpty() && parameters.getLast().otherwise() != null) {
        throw tokens.fault("a parameter without default follows one with");
      }
      parameters.add(new Parameter(name, otherwise));
    }
    return List.copyOf(parameters);
  }

  private Statement parseCallBlock(int line) {
    List<Parameter> parameters = tokens.isOperator("(") ? parseParameters() : List.of();
    if (!(expressions.parse() instanceof Call call)) {
      throw tokens.fault("'call' needs a call");
    }
    tokens.expect(Kind.BLOCK_END);
    Macro caller = parseMacroBody("caller", parameters, "endcall");
    return new CallBlock(caller, call, line);
  }

  private Statement parseFilterBlock(int line) {
    List<Filtered> filters = new ArrayList<>();
    filters.add(expressions.parseFilter(null));
    filters.addAll(parseFilters());
    tokens.expect(Kind.BLOCK_END);
    return new FilterBlock(List.copyOf(filters), parseBodyThrough("endfilter"), line);
  }

  private Statement parseWith() {
    List<Statement.Set> variables = new ArrayList<>();
    while (!tokens.isKind(Kind.BLOCK_END)) {
      if (!variables.isEmpty()) {
        tokens.expectOperator(",");
      }
      int line = tokens.peek().line();
      Target target = parseSingleTarget(false);
      tokens.expectOperator("=");
      variables.add(new Statement.Set(target, expressions.parse(), line));
    }
    tokens.expect(Kind.BLOCK_END);
    return new With(List.copyOf(variables), parseBodyThrough("endwith"));
  }

  /** Marks the assistant's tokens for training; when serving it is only a scope. */
  private Statement parseGeneration() {
    tokens.expect(Kind.BLOCK_END);
    return new With(List.of(), parseOutsideLoops("endgeneration"));
  }

  private Statement parsePrint(int line) {
    Expression value = expressions.parseTuple(true, false);
    tokens.expect(Kind.BLOCK_END);
    return new Output(value, line);
  }
}

package dev.switchboard.chat;

import dev.switchboard.chat.Expression.Affirmation;
import dev.switchboard.chat.Expression.And;
import dev.switchboard.chat.Expression.Arithmetic;
import dev.switchboard.chat.Expression.Attribute;
import dev.switchboard.chat.Expression.Call;
import dev.switchboard.chat.Expression.CallArguments;
import dev.switchboard.chat.Expression.Comparison;
import dev.switchboard.chat.Expression.Concatenation;
import dev.switchboard.chat.Expression.Conditional;
import dev.switchboard.chat.Expression.DictLiteral;
import dev.switchboard.chat.Expression.Entry;
import dev.switchboard.chat.Expression.Filtered;
import dev.switchboard.chat.Expression.Item;
import dev.switchboard.chat.Expression.ListLiteral;
import dev.switchboard.chat.Expression.Literal;
import dev.switchboard.chat.Expression.Name;
import dev.switchboard.chat.Expression.Named;
import dev.switchboard.chat.Expression.Negation;
import dev.switchboard.chat.Expression.Not;
import dev.switchboard.chat.Expression.Or;
import dev.switchboard.chat.Expression.Relation;
import dev.switchboard.chat.Expression.Slice;
import dev.switchboard.chat.Expression.Tested;
import dev.switchboard.chat.Expression.TupleLiteral;
import dev.switchboard.chat.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses expressions by recursive descent, one method for each level of precedence. */
final class ExpressionParser {
  private static final Set<String> RELATIONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  private final TokenReader tokens;
  private Set<String> namesRead = new HashSet<>();

  ExpressionParser(TokenReader tokens) {
    this.tokens = tokens;
  }

  /** From now on names that are read go into this set; returns the one before. */
  Set<String> noteNames(Set<String> into) {
    Set<String> before = namesRead;
    namesRead = into;
    return before;
  }

  Expression parse() {
    return parse(true);
  }

  private Expression parse(boolean conditional) {
    tokens.enter();
    Expression expression = conditional ? parseConditional() : parseOr();
    tokens.leave();
    return expression;
  }

  private Expression parseConditional() {
    Expression value = parseOr();
    while (tokens.skipName("if")) {
      Expression condition = parseOr();
      Expression otherwise = tokens.skipName("else") ? parse() : null;
      value = new Conditional(condition, value, otherwise);
    }
    return value;
  }

  private Expression parseOr() {
    Expression left = parseAnd();
    while (tokens.skipName("or")) {
      left = new Or(left, parseAnd());
    }
    return left;
  }

  private Expression parseAnd() {
    Expression left = parseNot();
    while (tokens.skipName("and")) {
      left = new And(left, parseNot());
    }
    return left;
  }

  private Expression parseNot() {
    if (!tokens.skipName("not")) {
      return parseComparison();
    }
    tokens.enter();
    Expression operand = parseNot();
    tokens.leave();
    return new Not(operand);
  }

  private Expression parseComparison() {
    Expression first = parseSum();
    List<Relation> relations = new ArrayList<>();
    String sign = relation();
    while (sign != null) {
      relations.add(new Relation(sign, parseSum()));
      sign = relation();
    }
    return relations.isEmpty() ? first : new Comparison(first, List.copyOf(relations));
  }

  private @Nullable String relation() {
    Token token = tokens.peek();
    if (token.kind() == Kind.OPERATOR && RELATIONS.contains(token.text())) {
      return tokens.next().text();
    }
    if (tokens.skipName("in")) {
      return "in";
    }
    if (tokens.isName("not") && tokens.isNameSecond("in")) {
      tokens.next();
      tokens.next();
      return "not in";
    }
    return null;
  }

  private Expression parseSum() {
    Expression left = parseConcatenation();
    while (true) {
      if (tokens.skipOperator("+")) {
        left = new Arithmetic(Operator.ADD, left, parseConcatenation());
      } else if (tokens.skipOperator("-")) {
        left = new Arithmetic(Operator.SUBTRACT, left, parseConcatenation());
      } else {
        return left;
      }
    }
  }

  private Expression parseConcatenation() {
    Expression first = parseProduct();
    if (!tokens.isOperator("~")) {
      return first;
    }
    List<Expression> parts = new ArrayList<>(List.of(first));
    while (tokens.skipOperator("~")) {
      parts.add(parseProduct());
    }
    return new Concatenation(List.copyOf(parts));
  }

  private Expression parseProduct() {
    Expression left = parsePower();
    Operator operator = productOperator();
    while (operator != null) {
      left = new Arithmetic(operator, left, parsePower());
      operator = productOperator();
    }
    return left;
  }

  private @Nullable Operator productOperator() {
    for (Operator operator :
        List.of(Operator.MULTIPLY, Operator.DIVIDE, Operator.FLOOR_DIVIDE, Operator.MODULO)) {
      if (tokens.skipOperator(operator.sign())) {
        return operator;
      }
    }
    return null;
  }

  private Expression parsePower() {
    Expression left = parseUnary(true);
    while (tokens.skipOperator("**")) {
      left = new Arithmetic(Operator.POWER, left, parseUnary(true));
    }
    return left;
  }

  private Expression parseUnary(boolean filtered) {
    tokens.enter();
    Expression operand;
    if (tokens.skipOperator("-")) {
      operand = new Negation(parseUnary(false));
    } else if (tokens.skipOperator("+")) {
      operand = new Affirmation(parseUnary(false));
    } else {
      operand = parsePrimary();
    }
    operand = parsePostfix(operand);
    tokens.leave();
    return filtered ? parseFilters(operand) : operand;
  }

  private Expression parsePrimary() {
    Token token = tokens.peek();
    return switch (token.kind()) {
      case NAME -> parseName(tokens.next().text());
      case STRING -> parseStrings();
      case INTEGER -> new Literal(integer(tokens.next().text()));
      case FLOAT -> new Literal(Double.valueOf(tokens.next().text()));
      case OPERATOR -> parseBrackets();
      case DATA, BLOCK_BEGIN, BLOCK_END, VARIABLE_BEGIN, VARIABLE_END, END ->
          throw tokens.unexpected("an expression");
    };
  }

  private Expression parseName(String name) {
    return switch (name) {
      case "true", "True" -> new Literal(true);
      case "false", "False" -> new Literal(false);
      case "none", "None" -> new Literal(None.NONE);
      default -> {
        namesRead.add(name);
        yield new Name(name);
      }
    };
  }

  /** Adjacent strings are one. */
  private Expression parseStrings() {
    StringBuilder text = new StringBuilder();
    while (tokens.isKind(Kind.STRING)) {
      text.append(tokens.next().text());
    }
    return new Literal(Text.literal(text.toString()));
  }

  private Long integer(String digits) {
    int radix =
        switch (digits.length() < 2 ? '0' : digits.charAt(1)) {
          case 'x', 'X' -> 16;
          case 'o', 'O' -> 8;
          case 'b', 'B' -> 2;
          default -> 10;
        };
    try {
      return Long.valueOf(radix == 10 ? digits : digits.substring(2), radix);
    } catch (NumberFormatException e) {
      throw tokens.fault("the integer is too large");
    }
  }

  private Expression parseBrackets() {
    if (tokens.skipOperator("(")) {
      Expression inside = parseTuple(true, true);
      tokens.expectOperator(")");
      return inside;
    }
    if (tokens.skipOperator("[")) {
      return new ListLiteral(parseItems("]"));
    }
    if (tokens.skipOperator("{")) {
      return parseDict();
    }
    throw tokens.unexpected("an expression");
  }

  private List<Expression> parseItems(String end) {
    List<Expression> items = new ArrayList<>();
    while (!tokens.skipOperator(end)) {
      if (!items.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(end)) {
          break;
        }
      }
      items.add(parse());
    }
    return List.copyOf(items);
  }

  private Expression parseDict() {
    List<Entry> entries = new ArrayList<>();
    while (!tokens.skipOperator("}")) {
      if (!entries.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator("}")) {
          break;
        }
      }
      Expression key = parse();
      tokens.expectOperator(":");
      entries.add(new Entry(key, parse()));
    }
    return new DictLiteral(List.copyOf(entries));
  }

  /**
   * One expression, or several with commas, which make a tuple.
   *
   * @param conditional whether {@code a if b} may stand here; not in the head of a loop
   * @param mayBeEmpty whether nothing at all is the empty tuple
   */
  Expression parseTuple(boolean conditional, boolean mayBeEmpty) {
    List<Expression> items = new ArrayList<>();
    boolean comma = false;
    while (!endsTuple()) {
      items.add(parse(conditional));
      comma = tokens.skipOperator(",");
      if (!comma) {
        break;
      }
    }
    if (items.isEmpty() && !mayBeEmpty) {
      throw tokens.unexpected("an expression");
    }
    return items.size() == 1 && !comma ? items.getFirst() : new TupleLiteral(List.copyOf(items));
  }

  private boolean endsTuple() {
    return tokens.isKind(Kind.BLOCK_END)
        || tokens.isKind(Kind.VARIABLE_END)
        || tokens.isOperator(")")
        || tokens.isName("recursive");
  }

  private Expression parsePostfix(Expression operand) {
    Expression result = operand;
    while (true) {
      if (tokens.skipOperator(".")) {
        result = parseDot(result);
      } else if (tokens.skipOperator("[")) {
        result = parseSubscript(result);
      } else if (tokens.isOperator("(")) {
        result = new Call(result, parseArguments());
      } else {
        return result;
      }
    }
  }

  private Expression parseDot(Expression owner) {
    if (tokens.isKind(Kind.INTEGER)) {
      return new Item(owner, new Literal(integer(tokens.next().text())));
    }
    return new Attribute(owner, tokens.expectName());
  }

  private Expression parseSubscript(Expression owner) {
    Expression start = tokens.isOperator(":") ? null : parse();
    if (tokens.skipOperator(":")) {
      return parseSlice(owner, start);
    }
    if (start == null) {
      throw tokens.unexpected("an expression");
    }
    tokens.expectOperator("]");
    return new Item(owner, start);
  }

  private Expression parseSlice(Expression owner, @Nullable Expression start) {
    Expression stop = tokens.isOperator(":") || tokens.isOperator("]") ? null : parse();
    Expression step = null;
    if (tokens.skipOperator(":")) {
      step = tokens.isOperator("]") ? null : parse();
    }
    tokens.expectOperator("]");
    return new Slice(owner, start, stop, step);
  }

  CallArguments parseArguments() {
    tokens.expectOperator("(");
    List<Expression> positional = new ArrayList<>();
    List<Named> named = new ArrayList<>();
    Expression list = null;
    Expression map = null;
    boolean first = true;
    while (!tokens.skipOperator(")")) {
      if (!first) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(")")) {
          break;
        }
      }
      first = false;
      if (tokens.skipOperator("**")) {
        map = parse();
      } else if (tokens.skipOperator("*")) {
        list = parse();
      } else if (tokens.isKind(Kind.NAME) && tokens.isOperatorSecond("=")) {
        String name = tokens.expectName();
        tokens.expectOperator("=");
        named.add(new Named(name, parse()));
      } else {
        positional.add(parse());
      }
    }
    return new CallArguments(List.copyOf(positional), List.copyOf(named), list, map);
  }

  private Expression parseFilters(Expression value) {
    Expression result = value;
    while (true) {
      if (tokens.skipOperator("|")) {
        result = parseFilter(result);
      } else if (tokens.skipName("is")) {
        result = parseTest(result);
      } else if (tokens.isOperator("(")) {
        result = new Call(result, parseArguments());
      } else {
        return result;
      }
    }
  }

  /** The filter after its bar; value is null for a filter block. */
  Filtered parseFilter(@Nullable Expression value) {
    String name = parseDottedName();
    CallArguments arguments = tokens.isOperator("(") ? parseArguments() : CallArguments.NONE;
    return new Filtered(value, name, arguments);
  }

  private String parseDottedName() {
    StringBuilder name = new StringBuilder(tokens.expectName());
    while (tokens.skipOperator(".")) {
      name.append('.').append(tokens.expectName());
    }
    return name.toString();
  }

  private Expression parseTest(Expression value) {
    boolean negated = tokens.skipName("not");
    String name = parseDottedName();
    CallArguments arguments = CallArguments.NONE;
    if (tokens.isOperator("(")) {
      arguments = parseArguments();
    } else if (startsTestArgument()) {
      Expression argument = parsePostfix(parsePrimary());
      arguments = new CallArguments(List.of(argument), List.of(), null, null);
    }
    Expression tested = new Tested(value, name, arguments);
    return negated ? new Not(tested) : tested;
  }

  /** A test's single argument may follow without parentheses. */
  private boolean startsTestArgument() {
    Token token = tokens.peek();
    return switch (token.kind()) {
      case NAME -> !Set.of("else", "or", "and", "is", "if", "in", "not").contains(token.text());
      case STRING, INTEGER, FLOAT -> true;
      case OPERATOR -> token.text().equals("[") || token.text().equals("{");
      case DATA, BLOCK_BEGIN, BLOCK_END, VARIABLE_BEGIN, VARIABLE_END, END -> false;
    };
  }
}

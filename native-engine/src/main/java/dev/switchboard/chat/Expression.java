package dev.switchboard.chat;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A node that has a value. */
sealed interface Expression {

  record Literal(Object value) implements Expression {}

  record Name(String name) implements Expression {}

  record ListLiteral(List<Expression> items) implements Expression {}

  record TupleLiteral(List<Expression> items) implements Expression {}

  record DictLiteral(List<Entry> entries) implements Expression {}

  record Entry(Expression key, Expression value) {}

  record Negation(Expression operand) implements Expression {}

  /** The sign plus, which only demands a number. */
  record Affirmation(Expression operand) implements Expression {}

  record Not(Expression operand) implements Expression {}

  record And(Expression left, Expression right) implements Expression {}

  record Or(Expression left, Expression right) implements Expression {}

  record Arithmetic(Operator operator, Expression left, Expression right) implements Expression {}

  /** {@code a ~ b ~ c}. */
  record Concatenation(List<Expression> parts) implements Expression {}

  /** {@code a < b <= c}; each operand is evaluated once. */
  record Comparison(Expression first, List<Relation> relations) implements Expression {}

  record Relation(String sign, Expression right) {}

  /** {@code value if condition else otherwise}. */
  record Conditional(Expression condition, Expression value, @Nullable Expression otherwise)
      implements Expression {}

  /** {@code owner.name}. */
  record Attribute(Expression owner, String name) implements Expression {}

  /** {@code owner[key]}. */
  record Item(Expression owner, Expression key) implements Expression {}

  /** {@code owner[start:stop:step]}. */
  record Slice(
      Expression owner,
      @Nullable Expression start,
      @Nullable Expression stop,
      @Nullable Expression step)
      implements Expression {}

  record Call(Expression callee, CallArguments arguments) implements Expression {}

  /**
   * {@code value | name(arguments)}.
   *
   * @param value null in a filter block, where the block's text is the value
   */
  record Filtered(@Nullable Expression value, String name, CallArguments arguments)
      implements Expression {}

  /** {@code value is name(arguments)}. */
  record Tested(Expression value, String name, CallArguments arguments) implements Expression {}

  /** Arguments as written. */
  record CallArguments(
      List<Expression> positional,
      List<Named> named,
      @Nullable Expression spreadList,
      @Nullable Expression spreadMap) {
    static final CallArguments NONE = new CallArguments(List.of(), List.of(), null, null);

    boolean isEmpty() {
      return positional.isEmpty() && named.isEmpty() && spreadList == null && spreadMap == null;
    }
  }

  record Named(String name, Expression value) {}
}

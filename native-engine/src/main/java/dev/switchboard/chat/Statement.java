package dev.switchboard.chat;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A node that writes or changes something. */
sealed interface Statement {

  record Data(String text) implements Statement {}

  record Output(Expression value, int line) implements Statement {}

  /** {@code if}, {@code elif} … {@code else}. */
  record If(List<Branch> branches, List<Statement> otherwise) implements Statement {}

  record Branch(Expression condition, List<Statement> body, int line) {}

  /**
   * A loop.
   *
   * @param condition keeps the items it holds for; null keeps all
   * @param otherwise runs when nothing is kept
   */
  record For(
      Target target,
      Expression items,
      @Nullable Expression condition,
      List<Statement> body,
      List<Statement> otherwise,
      int line)
      implements Statement {}

  record Set(Target target, Expression value, int line) implements Statement {}

  /** {@code {% set name %}text{% endset %}}, passed through filters. */
  record SetBlock(Target target, List<Expression.Filtered> filters, List<Statement> body, int line)
      implements Statement {}

  /**
   * A macro.
   *
   * @param reads which of {@link MacroValue#SPECIAL} its body reads
   */
  record Macro(
      String name, List<Parameter> parameters, java.util.Set<String> reads, List<Statement> body)
      implements Statement {}

  record Parameter(String name, @Nullable Expression otherwise) {}

  /** {@code {% call(x) macro() %}body{% endcall %}}: the body is the macro's {@code caller}. */
  record CallBlock(Macro caller, Expression.Call call, int line) implements Statement {}

  record FilterBlock(List<Expression.Filtered> filters, List<Statement> body, int line)
      implements Statement {}

  /** A scope of its own with some variables set. */
  record With(List<Set> variables, List<Statement> body) implements Statement {}

  record Break() implements Statement {}

  record Continue() implements Statement {}

  /** What is assigned to. */
  sealed interface Target {}

  record NameTarget(String name) implements Target {}

  record AttributeTarget(String namespace, String attribute) implements Target {}

  record TupleTarget(List<Target> items) implements Target {}
}

package dev.switchboard.constraint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A set of byte strings, as the readers describe it to {@link AutomatonBuilder}.
 *
 * <p>A symbol below {@link #CONTROL} is a byte; the others are control tokens of the vocabulary.
 */
sealed interface Expression {
  /** The first symbol that is no byte. */
  int CONTROL = 256;

  Expression EMPTY = new Sequence(List.of());
  Expression NOTHING = new Choice(List.of());

  /** These bytes. */
  record Literal(byte[] bytes) implements Expression {}

  /** One symbol of a range. */
  record Symbol(int low, int high) implements Expression {}

  /** One character, in UTF-8. */
  record Characters(CodePoints set) implements Expression {}

  /** One after the other. */
  record Sequence(List<Expression> parts) implements Expression {}

  /** One of them. */
  record Choice(List<Expression> options) implements Expression {}

  /** So many times; -1 is any number. */
  record Repeat(Expression body, int least, int most) implements Expression {}

  /** The bracket of an array that must not have an element twice: see {@link DistinctItems}. */
  record OpenDistinct() implements Expression {}

  /** What a rule derives. */
  record Call(Rule rule) implements Expression {}

  /**
   * What is read along any path from the first node to a final one.
   *
   * @param finals one per node
   * @param alike for each of {@link Automaton#ALIKE} and per node one that nothing of so many
   *     symbols tells from it
   */
  record Graph(int nodes, List<Edge> edges, boolean[] finals, int[][] alike) implements Expression {
    Graph(int nodes, List<Edge> edges, boolean[] finals) {
      this(nodes, edges, finals, allDiffer(nodes));
    }

    private static int[][] allDiffer(int nodes) {
      int[][] themselves = new int[Automaton.ALIKE.length][];
      Arrays.fill(themselves, IntStream.range(0, nodes).toArray());
      return themselves;
    }
  }

  /**
   * A step from node to node.
   *
   * @param label null for one that reads nothing
   * @param count what it does to the count of its graph before it reads; null for nothing
   */
  record Edge(int from, @Nullable Expression label, int to, @Nullable Count count) {
    Edge(int from, @Nullable Expression label, int to) {
      this(from, label, to, null);
    }
  }

  /**
   * Adds one to a count, or ends it; only where the count is then between two bounds. A graph with
   * counts may call rules with counts of their own, but its labels have none.
   *
   * @param ends whether it ends the count, which is then none
   * @param high {@code Integer.MAX_VALUE} for none
   * @param bounds all counts of the graph from which on something else is allowed, in rising order
   */
  record Count(boolean ends, int low, int high, int[] bounds) {}

  /** A named expression that may be used before it is known, and inside itself. */
  final class Rule {
    private final String name;
    private Expression body = NOTHING;

    Rule(String name) {
      this.name = name;
    }

    Rule(String name, Expression body) {
      this.name = name;
      this.body = body;
    }

    String name() {
      return name;
    }

    Expression body() {
      return body;
    }

    void define(Expression expression) {
      body = expression;
    }
  }

  static Expression text(String text) {
    return new Literal(text.getBytes(StandardCharsets.UTF_8));
  }

  static Expression sequence(Expression... parts) {
    return new Sequence(List.of(parts));
  }

  static Expression choice(Expression... options) {
    return new Choice(List.of(options));
  }

  static Expression optional(Expression body) {
    return new Repeat(body, 0, 1);
  }

  static Expression many(Expression body) {
    return new Repeat(body, 0, -1);
  }
}

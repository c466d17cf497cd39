package dev.switchboard.constraint;

import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Strings that several expressions match and whose length is within bounds, as one deterministic
 * graph over characters: the product of all of them, as far as it is reached.
 */
final class StringMachine {
  private final List<RegexNfa> expressions;
  private final int least;
  private final int most;
  private final CompileBudget budget;
  private final List<CodePoints> atoms;
  private final Map<State, Integer> numbers = new HashMap<>();
  private final List<State> states = new ArrayList<>();

  /** Where each expression is, and how many characters were read, as far as that matters. */
  private record State(List<IntSet> positions, int length) {}

  /** Positions of one expression. */
  record IntSet(int[] values) {
    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof IntSet(int[] those) && Arrays.equals(values, those);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(values);
    }
  }

  /**
   * @param least fewest characters
   * @param most -1 for any number
   */
  StringMachine(List<RegexNfa> expressions, int least, int most, CompileBudget budget) {
    this.expressions = expressions;
    this.least = least;
    this.most = most;
    this.budget = budget;
    atoms = atoms();
  }

  /** Sets of characters that no expression tells apart. */
  private List<CodePoints> atoms() {
    List<CodePoints> parts = List.of(CodePoints.ALL);
    for (RegexNfa expression : expressions) {
      for (CodePoints set : expression.sets()) {
        List<CodePoints> finer = new ArrayList<>();
        for (CodePoints part : parts) {
          budget.steps(8);
          addUnlessEmpty(finer, part.intersect(set));
          addUnlessEmpty(finer, part.minus(set));
        }
        parts = finer;
      }
    }
    return parts;
  }

  private static void addUnlessEmpty(List<CodePoints> parts, CodePoints part) {
    if (!part.isEmpty()) {
      parts.add(part);
    }
  }

  /**
   * @param characters how a set of characters is written
   */
  Expression build(Function<CodePoints, Expression> characters) {
    List<Edge> edges = new ArrayList<>();
    List<int[]> nexts = new ArrayList<>();
    List<IntSet> starts = new ArrayList<>();
    expressions.forEach(expression -> starts.add(new IntSet(expression.start())));
    number(new State(starts, 0));
    for (int from = 0; from < states.size(); from++) {
      Map<Integer, CodePoints> targets = new LinkedHashMap<>();
      State state = states.get(from);
      int[] nextOf = new int[atoms.size()];
      nexts.add(nextOf);
      for (int i = 0; i < nextOf.length; i++) {
        State next = most >= 0 && state.length == most ? null : after(state, atoms.get(i));
        nextOf[i] = next == null ? -1 : number(next);
        if (next != null) {
          targets.merge(nextOf[i], atoms.get(i), CodePoints::union);
        }
      }
      for (Map.Entry<Integer, CodePoints> target : targets.entrySet()) {
        budget.edge();
        edges.add(new Edge(from, characters.apply(target.getValue()), target.getKey()));
      }
    }
    boolean[] finals = new boolean[states.size()];
    for (int i = 0; i < finals.length; i++) {
      finals[i] = accepts(states.get(i));
    }
    return new Graph(finals.length, edges, finals, alike(nexts, finals));
  }

  /**
   * The first state that so many characters do not tell from each: Moore's partition, stopped after
   * as many rounds. Where a length is counted, most states are alike.
   */
  private int[] alike(List<int[]> nexts, boolean[] finals) {
    removeDeadEnds(nexts, finals);
    int[] block = new int[finals.length];
    for (int i = 0; i < block.length; i++) {
      block[i] = finals[i] ? 1 : 0;
    }
    for (int round = 0, blocks = 0; round < Automaton.ALIKE_SYMBOLS; round++) {
      Map<IntSet, Integer> known = new HashMap<>();
      int[] finer = new int[block.length];
      for (int i = 0; i < block.length; i++) {
        budget.steps(1 + atoms.size() / 4);
        int[] signature = new int[atoms.size() + 1];
        signature[atoms.size()] = block[i];
        for (int atom = 0; atom < atoms.size(); atom++) {
          int next = nexts.get(i)[atom];
          signature[atom] = next < 0 ? -1 : block[next];
        }
        finer[i] = known.computeIfAbsent(new IntSet(signature), key -> known.size());
      }
      block = finer;
      if (known.size() == blocks) {
        break;
      }
      blocks = known.size();
    }
    int[] first = new int[block.length];
    Arrays.fill(first, -1);
    int[] alike = new int[block.length];
    for (int i = 0; i < block.length; i++) {
      first[block[i]] = first[block[i]] < 0 ? i : first[block[i]];
      alike[i] = first[block[i]];
    }
    return alike;
  }

  /** What cannot be ended does not exist in the automaton, so it must not tell states apart. */
  private void removeDeadEnds(List<int[]> nexts, boolean[] finals) {
    boolean[] ends = finals.clone();
    for (boolean changed = true; changed; ) {
      changed = false;
      for (int i = ends.length - 1; i >= 0; i--) {
        budget.steps(1 + atoms.size() / 16);
        if (!ends[i] && Arrays.stream(nexts.get(i)).anyMatch(next -> next >= 0 && ends[next])) {
          ends[i] = true;
          changed = true;
        }
      }
    }
    for (int[] next : nexts) {
      Arrays.setAll(next, atom -> next[atom] >= 0 && ends[next[atom]] ? next[atom] : -1);
    }
  }

  private int number(State state) {
    Integer known = numbers.get(state);
    if (known != null) {
      return known;
    }
    budget.edge();
    numbers.put(state, states.size());
    states.add(state);
    return states.size() - 1;
  }

  private @Nullable State after(State state, CodePoints atom) {
    List<IntSet> next = new ArrayList<>(expressions.size());
    for (int i = 0; i < expressions.size(); i++) {
      int[] from = state.positions.get(i).values();
      budget.steps(1 + from.length);
      int[] positions = expressions.get(i).after(from, atom.low(0), budget);
      if (positions.length == 0) {
        return null;
      }
      next.add(new IntSet(positions));
    }
    int counted = most < 0 ? Math.min(least, state.length + 1) : state.length + 1;
    return new State(next, counted);
  }

  private boolean accepts(State state) {
    for (int i = 0; i < expressions.size(); i++) {
      if (!expressions.get(i).accepts(state.positions.get(i).values())) {
        return false;
      }
    }
    return state.length >= least;
  }
}

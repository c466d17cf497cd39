package dev.switchboard.constraint;

import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.tokenizer.IntList;
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
  private final List<Subsets> expressions;
  private final int least;
  private final int most;
  private final CompileBudget budget;
  private final List<CodePoints> atoms;
  private final Map<State, Integer> numbers = new HashMap<>();
  private final List<State> states = new ArrayList<>();

  /**
   * @param subsets where each expression is
   * @param length how many characters were read, as far as that matters
   */
  private record State(IntSet subsets, int length) {}

  /** A value by its numbers. */
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
    this.least = least;
    this.most = most;
    this.budget = budget;
    atoms = atoms(expressions);
    this.expressions = expressions.stream().map(Subsets::new).toList();
  }

  /** Sets of characters that no expression tells apart. */
  private List<CodePoints> atoms(List<RegexNfa> all) {
    List<CodePoints> parts = List.of(CodePoints.ALL);
    for (RegexNfa expression : all) {
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
    Map<IntSet, Expression> labels = new HashMap<>();
    number(new State(new IntSet(new int[expressions.size()]), 0));
    for (int from = 0; from < states.size(); from++) {
      Map<Integer, IntList> targets = new LinkedHashMap<>();
      State state = states.get(from);
      int[] nextOf = new int[atoms.size()];
      nexts.add(nextOf);
      for (int i = 0; i < nextOf.length; i++) {
        State next = most >= 0 && state.length == most ? null : after(state, i);
        nextOf[i] = next == null ? -1 : number(next);
        if (next != null) {
          targets.computeIfAbsent(nextOf[i], target -> new IntList()).add(i);
        }
      }
      for (Map.Entry<Integer, IntList> target : targets.entrySet()) {
        budget.edge();
        IntSet read = new IntSet(target.getValue().toArray());
        Expression label = labels.computeIfAbsent(read, set -> characters.apply(union(set)));
        edges.add(new Edge(from, label, target.getKey()));
      }
    }
    boolean[] finals = new boolean[states.size()];
    for (int i = 0; i < finals.length; i++) {
      finals[i] = accepts(states.get(i));
    }
    return new Graph(finals.length, edges, finals, alike(nexts, finals));
  }

  private CodePoints union(IntSet ofAtoms) {
    CodePoints all = CodePoints.NONE;
    for (int atom : ofAtoms.values()) {
      budget.steps(4);
      all = all.union(atoms.get(atom));
    }
    return all;
  }

  /**
   * The first state that so many characters do not tell from each. Where a length is counted, most
   * states are alike.
   */
  private int[] alike(List<int[]> nexts, boolean[] finals) {
    Partition partition = new Partition(nexts, finals, budget);
    partition.refine(Automaton.ALIKE_SYMBOLS);
    return partition.firstOfEach();
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

  private @Nullable State after(State state, int atom) {
    int[] from = state.subsets.values();
    int[] next = new int[from.length];
    budget.steps(4);
    for (int i = 0; i < from.length; i++) {
      next[i] = expressions.get(i).after(from[i], atom);
      if (next[i] < 0) {
        return null;
      }
    }
    int counted = most < 0 ? Math.min(least, state.length + 1) : state.length + 1;
    return new State(new IntSet(next), counted);
  }

  private boolean accepts(State state) {
    int[] subsets = state.subsets.values();
    for (int i = 0; i < subsets.length; i++) {
      if (!expressions.get(i).accepts(subsets[i])) {
        return false;
      }
    }
    return state.length >= least;
  }

  /** One expression's sets of positions, numbered as they are reached; the first is 0. */
  private final class Subsets {
    private static final int UNKNOWN = -2;

    private final RegexNfa expression;
    private final Map<IntSet, Integer> numbers = new HashMap<>();
    private final List<int[]> positions = new ArrayList<>();
    private final List<int[]> nexts = new ArrayList<>();

    Subsets(RegexNfa expression) {
      this.expression = expression;
      number(expression.start());
    }

    private int number(int[] set) {
      Integer known = numbers.putIfAbsent(new IntSet(set), positions.size());
      if (known != null) {
        return known;
      }
      positions.add(set);
      int[] unknown = new int[atoms.size()];
      Arrays.fill(unknown, UNKNOWN);
      nexts.add(unknown);
      return positions.size() - 1;
    }

    /** -1 where nothing may follow. */
    int after(int set, int atom) {
      int[] next = nexts.get(set);
      if (next[atom] == UNKNOWN) {
        int[] reached = expression.after(positions.get(set), atoms.get(atom).low(0), budget);
        next[atom] = reached.length == 0 ? -1 : number(reached);
      }
      return next[atom];
    }

    boolean accepts(int set) {
      return expression.accepts(positions.get(set));
    }
  }
}

package dev.switchboard.constraint;

import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.tokenizer.IntList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Strings that are in exactly one of several sets, or in the first alone, as one deterministic
 * graph over characters: the product of all expressions and of the length, as far as it is reached.
 */
final class StringMachine {
  /** A set that cannot have the string any more has this for each expression. */
  private static final int DEAD = -1;

  private final List<StringSet> sets;
  private final List<Subsets> expressions = new ArrayList<>();

  /** Where each set's expressions begin, and at last where they end. */
  private final int[] begins;

  private final int counted;

  /** Whose length is counted beside the states; null where states are told apart by it. */
  private @Nullable StringSet length;

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

  /** Whether it is the first set's strings that no other one has. */
  private final boolean difference;

  private final Known known;

  /** States with what each atom leads to, and which of them end a string. */
  private record Explored(List<int[]> nexts, boolean[] finals) {}

  /** What was found of expressions, so that each length of them needs not find it again. */
  static final class Known {
    private final Map<List<List<RegexNfa>>, Explored> graphs = new HashMap<>();
  }

  /** The same of formats, whose expressions no schema makes. */
  private static final Map<List<RegexNfa>, Explored> OF_FORMATS = new ConcurrentHashMap<>();

  /** Strings that exactly one set has. */
  StringMachine(List<StringSet> sets, CompileBudget budget) {
    this(sets, false, new Known(), budget);
  }

  /** Strings that the first set has and no other one. */
  static StringMachine difference(List<StringSet> sets, Known known, CompileBudget budget) {
    return new StringMachine(sets, true, known, budget);
  }

  private StringMachine(
      List<StringSet> sets, boolean difference, Known known, CompileBudget budget) {
    this.difference = difference;
    this.known = known;
    this.sets = sets;
    this.budget = budget;
    atoms = atoms(sets.stream().flatMap(set -> set.expressions().stream()).toList());
    begins = new int[sets.size() + 1];
    for (int set = 0; set < sets.size(); set++) {
      sets.get(set).expressions().forEach(each -> expressions.add(new Subsets(each)));
      begins[set + 1] = expressions.size();
    }
    counted = sets.stream().mapToInt(StringSet::counted).max().orElse(0);
    length = counts() ? sets.getFirst() : null;
  }

  /** Whether the length can be counted beside the states: no set but the first has one. */
  private boolean counts() {
    boolean alone = difference || sets.size() == 1;
    return alone
        && sets.getFirst().counted() > 0
        && sets.stream().skip(1).allMatch(set -> set.counted() == 0);
  }

  /** Sets of characters that no expression tells apart. */
  private List<CodePoints> atoms(List<RegexNfa> all) {
    List<CodePoints> parts = List.of(CodePoints.ALL);
    for (RegexNfa expression : all) {
      for (CodePoints set : expression.sets()) {
        List<CodePoints> finer = new ArrayList<>();
        for (CodePoints part : parts) {
          budget.steps(8 + (part.ranges() + set.ranges()) / 4);
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
    StringSet counting = length;
    Explored graph = counting == null ? explored() : exploredOnce();
    List<int[]> nexts = graph.nexts;
    boolean[] finals = graph.finals;
    if (counting == null) {
      int[][] alike = new Partition(nexts, finals, budget).alike();
      return new Graph(finals.length, edges(nexts, characters, null), finals, alike);
    }
    Partition partition = new Partition(nexts, finals, budget);
    CountBounds bounds = CountBounds.of(nexts, finals, counting, budget);
    if (bounds == null) {
      // Which lengths there are has gaps: only states can tell them.
      length = null;
      numbers.clear();
      states.clear();
      return build(characters);
    }
    partition.split(bounds::kind);
    return counted(nexts, finals, characters, bounds, partition.alike());
  }

  /** The expressions, which say nothing of lengths, as one with as few positions as can be. */
  static RegexNfa minimal(StringSet strings, CompileBudget budget) {
    return minimal(List.of(strings), budget);
  }

  /** What the first set has and no other one; no lengths are asked for. */
  static RegexNfa minimal(List<StringSet> sets, CompileBudget budget) {
    StringMachine machine = difference(sets, new Known(), budget);
    Explored graph = machine.explored();
    Partition partition = new Partition(graph.nexts, graph.finals, budget);
    partition.refine(Integer.MAX_VALUE);
    return machine.expression(graph.nexts, graph.finals, partition.firstOfEach());
  }

  private RegexNfa expression(List<int[]> nexts, boolean[] finals, int[] first) {
    RegexNfa nfa = new RegexNfa(budget);
    int end = nfa.position();
    int[] positions = new int[nexts.size()];
    Set<Integer> states = new LinkedHashSet<>();
    for (int state : first) {
      if (states.add(state)) {
        positions[state] = nfa.position();
      }
    }
    for (int state : states) {
      Map<Integer, CodePoints> targets = new LinkedHashMap<>();
      int[] next = nexts.get(state);
      for (int i = 0; i < next.length; i++) {
        if (next[i] >= 0) {
          targets.merge(first[next[i]], atoms.get(i), CodePoints::union);
        }
      }
      targets.forEach((to, set) -> nfa.step(positions[state], set, positions[to]));
      if (finals[state]) {
        nfa.free(positions[state], RegexNfa.When.ALWAYS, end);
      }
    }
    nfa.between(positions[first[0]], end);
    return nfa;
  }

  private Expression counted(
      List<int[]> nexts,
      boolean[] finals,
      Function<CodePoints, Expression> characters,
      CountBounds bounds,
      int[][] alike) {
    List<Edge> edges = edges(nexts, characters, bounds);
    int end = finals.length;
    for (int node = 0; node < end; node++) {
      if (finals[node]) {
        budget.edge();
        edges.add(new Edge(node, null, end, bounds.end()));
      }
    }
    boolean[] ends = new boolean[end + 1];
    ends[end] = bounds.begins();
    int[][] withEnd = new int[alike.length][];
    for (int level = 0; level < alike.length; level++) {
      withEnd[level] = Arrays.copyOf(alike[level], end + 1);
      withEnd[level][end] = end;
    }
    return new Graph(end + 1, edges, ends, withEnd);
  }

  /** Where lengths are counted, the states are the same whatever they are. */
  private Explored exploredOnce() {
    List<List<RegexNfa>> all = sets.stream().map(StringSet::expressions).toList();
    return all.size() == 1 && StringFormat.isOf(all.getFirst())
        ? OF_FORMATS.computeIfAbsent(all.getFirst(), StringMachine::ofFormat)
        : known.graphs.computeIfAbsent(all, missing -> explored());
  }

  private static Explored ofFormat(List<RegexNfa> expressions) {
    CompileBudget own = CompileBudget.unbounded();
    Explored found = new StringMachine(List.of(new StringSet(expressions, 0, -1)), own).explored();
    // It takes out what cannot be ended, so that nobody changes what others read.
    Partition _ = new Partition(found.nexts, found.finals, own);
    return found;
  }

  private Explored explored() {
    List<int[]> nexts = explore();
    return new Explored(nexts, finals());
  }

  /** All states, as they are reached, and what each atom leads to. */
  private List<int[]> explore() {
    List<int[]> nexts = new ArrayList<>();
    number(new State(new IntSet(new int[expressions.size()]), 0));
    for (int from = 0; from < states.size(); from++) {
      State state = states.get(from);
      int[] nextOf = new int[atoms.size()];
      nexts.add(nextOf);
      for (int i = 0; i < nextOf.length; i++) {
        State next = after(state, i);
        nextOf[i] = next == null ? -1 : number(next);
      }
    }
    return nexts;
  }

  private boolean[] finals() {
    boolean[] finals = new boolean[states.size()];
    for (int i = 0; i < finals.length; i++) {
      finals[i] = accepts(states.get(i));
    }
    return finals;
  }

  /** One for each state and each of those it leads to. */
  private List<Edge> edges(
      List<int[]> nexts,
      Function<CodePoints, Expression> characters,
      @Nullable CountBounds bounds) {
    List<Edge> edges = new ArrayList<>();
    Map<IntSet, Expression> labels = new HashMap<>();
    for (int from = 0; from < nexts.size(); from++) {
      Map<Integer, IntList> targets = new LinkedHashMap<>();
      int[] nextOf = nexts.get(from);
      for (int i = 0; i < nextOf.length; i++) {
        if (nextOf[i] >= 0 && (bounds == null || bounds.reaches(nextOf[i]))) {
          targets.computeIfAbsent(nextOf[i], target -> new IntList()).add(i);
        }
      }
      for (Map.Entry<Integer, IntList> target : targets.entrySet()) {
        budget.edge();
        IntSet read = new IntSet(target.getValue().toArray());
        Expression label = labels.computeIfAbsent(read, set -> characters.apply(union(set)));
        int to = target.getKey();
        edges.add(new Edge(from, label, to, bounds == null ? null : bounds.step(to)));
      }
    }
    return edges;
  }

  private CodePoints union(IntSet ofAtoms) {
    CodePoints all = CodePoints.NONE;
    for (int atom : ofAtoms.values()) {
      budget.steps(4 + all.ranges() / 4);
      all = all.union(atoms.get(atom));
    }
    return all;
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
    int read = length != null ? 0 : Math.min(counted, state.length + 1);
    boolean lives = false;
    budget.steps(4L * sets.size());
    for (int set = 0; set < sets.size(); set++) {
      boolean live = advance(set, from, atom, read, next);
      lives |= live && (set == 0 || !difference);
    }
    return lives ? new State(new IntSet(next), read) : null;
  }

  /** Whether the set may still have the string. */
  private boolean advance(int set, int[] from, int atom, int read, int[] next) {
    boolean lives = length != null || !sets.get(set).isTooLong(read);
    for (int i = begins[set]; i < begins[set + 1]; i++) {
      next[i] = lives && from[i] != DEAD ? expressions.get(i).after(from[i], atom) : DEAD;
      lives &= next[i] != DEAD;
    }
    if (!lives) {
      Arrays.fill(next, begins[set], begins[set + 1], DEAD);
    }
    return lives;
  }

  private boolean accepts(State state) {
    int holding = 0;
    for (int set = 0; set < sets.size(); set++) {
      holding += has(set, state) ? 1 : 0;
    }
    return holding == 1 && (!difference || has(0, state));
  }

  private boolean has(int set, State state) {
    int[] subsets = state.subsets.values();
    boolean has = length != null || sets.get(set).hasLength(state.length);
    for (int i = begins[set]; i < begins[set + 1]; i++) {
      has &= subsets[i] != DEAD && expressions.get(i).accepts(subsets[i]);
    }
    return has;
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
      budget.steps((set.length + atoms.size()) / 4);
      int[] unknown = new int[atoms.size()];
      Arrays.fill(unknown, UNKNOWN);
      nexts.add(unknown);
      return positions.size() - 1;
    }

    /** {@link #DEAD} where nothing may follow. */
    int after(int set, int atom) {
      int[] next = nexts.get(set);
      if (next[atom] == UNKNOWN) {
        int[] reached = expression.after(positions.get(set), atoms.get(atom).low(0), budget);
        next[atom] = reached.length == 0 ? DEAD : number(reached);
      }
      return next[atom];
    }

    boolean accepts(int set) {
      return expression.accepts(positions.get(set));
    }
  }
}

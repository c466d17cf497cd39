package dev.switchboard.constraint;

import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Characters;
import dev.switchboard.constraint.Expression.Choice;
import dev.switchboard.constraint.Expression.Count;
import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Literal;
import dev.switchboard.constraint.Expression.OpenDistinct;
import dev.switchboard.constraint.Expression.Repeat;
import dev.switchboard.constraint.Expression.Rule;
import dev.switchboard.constraint.Expression.Sequence;
import dev.switchboard.constraint.Expression.Symbol;
import dev.switchboard.tokenizer.IntList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes an automaton of rules: each rule gets a first and a last state, and each expression becomes
 * states and edges between two given states. Rules found in expressions are built in the order they
 * are met, so nesting of rules costs no stack.
 *
 * <p>A rule that can call itself before it reads anything is refused: the automaton could call for
 * ever.
 */
final class AutomatonBuilder {
  private static final int[] NO_BOUNDS = {};

  private final CompileBudget budget;
  private final int longestToken;
  private final Map<Rule, Integer> rules = new LinkedHashMap<>();
  private final List<Rule> unbuilt = new ArrayList<>();
  private final IntList firstStates = new IntList();
  private final Edges free = new Edges();
  private final Edges read = new Edges();
  private final Edges calls = new Edges();
  private final List<Count> counts = new ArrayList<>();
  private final Map<Integer, int[]> boundsFrom = new TreeMap<>();
  private final IntList distinct = new IntList();
  private final IntList[] alike = new IntList[Automaton.ALIKE.length];
  private final IntList alikeToAll = new IntList();
  private int states;
  private int first;

  /**
   * @param longestToken symbols of the longest token that the automaton will read
   */
  AutomatonBuilder(CompileBudget budget, int longestToken) {
    this.budget = budget;
    this.longestToken = longestToken;
    Arrays.setAll(alike, level -> new IntList());
  }

  /** Builds the rules and whatever they call; their states come before those added later. */
  int share(List<Rule> shared) {
    shared.forEach(this::firstOf);
    buildAll();
    return states;
  }

  /**
   * Builds the automaton of what a rule derives.
   *
   * @throws ConstraintException when it is too large, calls itself for ever or derives nothing
   */
  Automaton build(Rule root, int symbols, int sharedStates) {
    first = firstOf(root);
    buildAll();
    refuseLeftRecursion();
    Automaton automaton = new Automaton(this, symbols, sharedStates);
    if (automaton.isEmpty()) {
      throw new ConstraintException("", "cannot be satisfied by any answer");
    }
    return automaton;
  }

  private int firstOf(Rule rule) {
    Integer known = rules.get(rule);
    if (known != null) {
      return firstStates.get(known);
    }
    rules.put(rule, rules.size());
    unbuilt.add(rule);
    int state = newState();
    firstStates.add(state);
    newState();
    return state;
  }

  private void buildAll() {
    for (int i = 0; i < unbuilt.size(); i++) {
      Rule rule = unbuilt.get(i);
      int from = firstOf(rule);
      build(rule.body(), from, lastOf(from));
    }
    unbuilt.clear();
  }

  /** A rule's last state follows its first. */
  private static int lastOf(int firstState) {
    return firstState + 1;
  }

  private int newState() {
    budget.edge();
    for (IntList level : alike) {
      level.add(states);
    }
    alikeToAll.add(states);
    return states++;
  }

  private void build(Expression expression, int from, int to) {
    budget.step();
    switch (expression) {
      case Literal(byte[] bytes) -> literal(bytes, from, to);
      case Symbol(int low, int high) -> read(from, low, high, to);
      case Characters(CodePoints set) -> characters(set, from, to);
      case Sequence(List<Expression> parts) -> sequence(parts, from, to);
      case Choice(List<Expression> options) -> {
        for (Expression option : options) {
          build(option, from, to);
        }
      }
      case Repeat(Expression body, int least, int most) -> repeat(body, least, most, from, to);
      case OpenDistinct() -> openDistinct(from, to);
      case Call(Rule rule) -> call(from, firstOf(rule), to);
      case Graph graph -> graph(graph, from, to);
    }
  }

  private void free(int from, int to) {
    budget.edge();
    free.add(from, 0, 0, to);
  }

  /** An edge that reads nothing and counts; its low is one more than the count's number. */
  private void free(int from, Count count, int to) {
    budget.edge();
    counts.add(count);
    free.add(from, counts.size(), 0, to);
  }

  private void read(int from, int low, int high, int to) {
    budget.edge();
    read.add(from, low, high, to);
  }

  private void call(int from, int callee, int to) {
    budget.edge();
    calls.add(from, callee, 0, to);
  }

  private void literal(byte[] bytes, int from, int to) {
    if (bytes.length == 0) {
      free(from, to);
    }
    int at = from;
    for (int i = 0; i < bytes.length; i++) {
      int next = i == bytes.length - 1 ? to : newState();
      read(at, bytes[i] & 0xff, bytes[i] & 0xff, next);
      at = next;
    }
  }

  /** From a state of its own, so that it says the same of every bracket that is read there. */
  private void openDistinct(int from, int to) {
    int opening = newState();
    free(from, opening);
    read(opening, '[', '[', to);
    distinct.add(opening);
  }

  /** Sequences that end alike share their ends: a set of characters takes few states. */
  private void characters(CodePoints set, int from, int to) {
    Map<List<Integer>, Integer> tails = new LinkedHashMap<>();
    Utf8Ranges.write(
        set,
        (lows, highs) -> {
          int target = to;
          List<Integer> tail = List.of();
          for (int i = lows.length - 1; i > 0; i--) {
            List<Integer> longer = new ArrayList<>(tail);
            longer.add(lows[i] << 8 | highs[i]);
            Integer known = tails.get(longer);
            if (known == null) {
              known = newState();
              read(known, lows[i], highs[i], target);
              tails.put(longer, known);
            }
            target = known;
            tail = longer;
          }
          read(from, lows[0], highs[0], target);
        });
  }

  private void sequence(List<Expression> parts, int from, int to) {
    if (parts.isEmpty()) {
      free(from, to);
    }
    int at = from;
    for (int i = 0; i < parts.size(); i++) {
      int next = i == parts.size() - 1 ? to : newState();
      build(parts.get(i), at, next);
      at = next;
    }
  }

  private void repeat(Expression body, int least, int most, int from, int to) {
    if (most >= 0 && most < least) {
      return;
    }
    int at = newState();
    free(from, at);
    boolean reads = reads(body, 0);
    int far = at;
    for (int i = 0; i < least; i++) {
      if (reads) {
        // Wherever it is, so many more must follow.
        setAlike(at, far, least - i);
      }
      at = append(body, at);
    }
    if (most < 0) {
      // A state of its own: edges back to one that others use would let them in too.
      int loop = newState();
      free(at, loop);
      build(body, loop, loop);
      at = loop;
    }
    int early = at;
    for (int i = least; i < most; i++) {
      free(at, to);
      if (reads) {
        // Wherever it is, so many more may follow, and it may end.
        setAlike(at, early, most - i);
      }
      at = append(body, at);
    }
    free(at, to);
  }

  /**
   * @param left how often more at least one symbol is read
   */
  private void setAlike(int state, int same, int left) {
    for (int level = 0; level < alike.length; level++) {
      if (left > Automaton.ALIKE[level]) {
        alike[level].set(state, same);
      }
    }
    if (left > longestToken) {
      alikeToAll.set(state, same);
    }
  }

  /** Whether it surely reads something. */
  private boolean reads(Expression expression, int depth) {
    budget.step();
    return switch (expression) {
      case Literal(byte[] bytes) -> bytes.length > 0;
      case Symbol symbol -> true;
      case Characters characters -> true;
      case Sequence(List<Expression> parts) ->
          depth < 4 && parts.stream().anyMatch(part -> reads(part, depth + 1));
      case Choice(List<Expression> options) ->
          depth < 4 && options.stream().allMatch(option -> reads(option, depth + 1));
      case Repeat(Expression body, int least, int most) -> least > 0 && reads(body, depth + 1);
      case OpenDistinct() -> true;
      case Call(Rule rule) -> depth < 4 && reads(rule.body(), depth + 1);
      case Graph graph -> false;
    };
  }

  private int append(Expression body, int at) {
    int next = newState();
    build(body, at, next);
    return next;
  }

  private void graph(Graph graph, int from, int to) {
    int base = states;
    for (int i = 0; i < graph.nodes(); i++) {
      newState();
    }
    for (int level = 0; level < alike.length; level++) {
      for (int i = 0; i < graph.nodes(); i++) {
        alike[level].set(base + i, base + graph.alike()[level][i]);
      }
    }
    free(from, base);
    int[] bounds = null;
    Readers readers = new Readers(graph);
    for (Edge edge : graph.edges()) {
      int at = base + edge.from();
      Expression label = edge.label();
      Count count = edge.count();
      if (count != null) {
        bounds = count.bounds();
        int counted = label == null ? base + edge.to() : newState();
        free(at, count, counted);
        at = counted;
        if (label != null) {
          readers.add(counted, label, edge.to());
        }
      } else if (label == null) {
        free(at, base + edge.to());
      }
      if (label != null) {
        build(label, at, base + edge.to());
      }
    }
    if (bounds != null) {
      boundsFrom.put(base, bounds);
      boundsFrom.put(states, NO_BOUNDS);
    }
    for (int i = 0; i < graph.nodes(); i++) {
      if (graph.finals()[i]) {
        free(base + i, to);
      }
    }
  }

  /** States behind counts, which are alike where they read the same label towards alike nodes. */
  private final class Readers {
    private final Graph graph;
    private final IdentityHashMap<Expression, Integer> labels = new IdentityHashMap<>();
    private final List<Map<Long, Integer>> first =
        Stream.<Map<Long, Integer>>generate(HashMap::new).limit(alike.length).toList();

    Readers(Graph graph) {
      this.graph = graph;
    }

    void add(int state, Expression label, int to) {
      int number = labels.computeIfAbsent(label, each -> labels.size());
      for (int level = 0; level < alike.length; level++) {
        long key = (long) number << 32 | graph.alike()[level][to];
        alike[level].set(state, first.get(level).computeIfAbsent(key, each -> state));
      }
    }
  }

  // ---- what is derived from the edges --------------------------------------------------------

  int states() {
    return states;
  }

  int first() {
    return first;
  }

  Edges free() {
    return free;
  }

  Edges read() {
    return read;
  }

  Edges calls() {
    return calls;
  }

  int longestToken() {
    return longestToken;
  }

  List<Count> counts() {
    return counts;
  }

  /** By state the bounds of the graph that it is in, if that counts. */
  int[][] bounds() {
    int[][] bounds = new int[states][];
    int[] current = NO_BOUNDS;
    for (int state = 0; state < states; state++) {
      current = boundsFrom.getOrDefault(state, current);
      bounds[state] = current;
    }
    return bounds;
  }

  int[][] alike() {
    return Arrays.stream(alike).map(IntList::toArray).toArray(int[][]::new);
  }

  int[] alikeToAll() {
    return alikeToAll.toArray();
  }

  /** States at which an array opens that must not have an element twice; null where none does. */
  boolean @Nullable [] opensDistinct() {
    boolean[] opens = distinct.size() == 0 ? null : new boolean[states];
    for (int i = 0; i < distinct.size() && opens != null; i++) {
      opens[distinct.get(i)] = true;
    }
    return opens;
  }

  boolean[] ends() {
    boolean[] ends = new boolean[states];
    for (int i = 0; i < firstStates.size(); i++) {
      ends[lastOf(firstStates.get(i))] = true;
    }
    return ends;
  }

  /**
   * States after which the rule only ends: a call that returns to one needs no place to return to,
   * so that rules that repeat by calling themselves last do not grow the stack.
   */
  boolean[] endsOnly() {
    boolean[] only = ends();
    int[] out = new int[states];
    count(free, out);
    count(read, out);
    count(calls, out);
    boolean changed = true;
    while (changed) {
      changed = false;
      // Backwards: states are mostly made in the order they are passed.
      for (int edge = free.size() - 1; edge >= 0; edge--) {
        int from = free.from(edge);
        if (!only[from] && out[from] == 1 && only[free.to(edge)] && free.low(edge) == 0) {
          only[from] = true;
          changed = true;
        }
      }
      budget.steps(free.size() / 16);
    }
    return only;
  }

  private static void count(Edges edges, int[] out) {
    for (int edge = 0; edge < edges.size(); edge++) {
      out[edges.from(edge)]++;
    }
  }

  /** The least number of nested calls that each state needs to end its rule. */
  int[] heights() {
    int[] heights = new int[states];
    Arrays.fill(heights, Automaton.UNREACHABLE);
    boolean[] only = endsOnly();
    boolean[] ends = ends();
    Dependents dependents = new Dependents(this, states);
    IntList changed = new IntList();
    for (int state = 0; state < states; state++) {
      if (ends[state]) {
        heights[state] = 0;
        changed.add(state);
      }
    }
    while (changed.size() > 0) {
      budget.step();
      int state = changed.removeLast();
      dependents.relax(state, heights, only, changed);
    }
    return heights;
  }

  private void refuseLeftRecursion() {
    LeftCalls left = new LeftCalls(this, budget);
    int state = left.anyOnCycle();
    if (state >= 0) {
      throw new ConstraintException("", "is left-recursive in rule " + ruleOf(state));
    }
  }

  private String ruleOf(int firstState) {
    return rules.keySet().stream()
        .filter(rule -> firstOf(rule) == firstState)
        .map(Rule::name)
        .findFirst()
        .orElse("");
  }

  IntList firstStates() {
    return firstStates;
  }

  /** Edges in the order they were made; low and high are a symbol's range, a callee or a count. */
  static final class Edges {
    private final IntList from = new IntList();
    private final IntList low = new IntList();
    private final IntList high = new IntList();
    private final IntList to = new IntList();

    void add(int fromState, int lowSymbol, int highSymbol, int toState) {
      from.add(fromState);
      low.add(lowSymbol);
      high.add(highSymbol);
      to.add(toState);
    }

    int size() {
      return from.size();
    }

    int from(int edge) {
      return from.get(edge);
    }

    int low(int edge) {
      return low.get(edge);
    }

    int to(int edge) {
      return to.get(edge);
    }

    int[] low() {
      return low.toArray();
    }

    int[] high() {
      return high.toArray();
    }

    int[] to() {
      return to.toArray();
    }

    /** Those that lead on, ordered by the state they leave. */
    Edges kept(int[] heights) {
      int[] starts = new int[heights.length + 1];
      for (int edge = 0; edge < size(); edge++) {
        starts[from(edge) + 1]++;
      }
      for (int state = 0; state < heights.length; state++) {
        starts[state + 1] += starts[state];
      }
      int[] order = new int[size()];
      for (int edge = 0; edge < size(); edge++) {
        order[starts[from(edge)]++] = edge;
      }
      Edges kept = new Edges();
      for (int edge : order) {
        if (heights[to(edge)] < Automaton.UNREACHABLE) {
          kept.add(from(edge), low.get(edge), high.get(edge), to(edge));
        }
      }
      return kept;
    }

    /** Where each state's edges begin, once ordered. */
    int[] starts(int states) {
      int[] starts = new int[states + 1];
      for (int edge = 0; edge < size(); edge++) {
        starts[from(edge) + 1]++;
      }
      for (int state = 0; state < states; state++) {
        starts[state + 1] += starts[state];
      }
      return starts;
    }
  }
}

package dev.switchboard.constraint;

import dev.switchboard.constraint.Expression.Count;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A pushdown automaton over symbols, as flat arrays: the edges of state {@code s} are those from
 * {@code start[s]} to {@code start[s + 1]}. A call edge runs another rule from its first state and
 * goes on at the edge's target when that rule ends.
 *
 * <p>Some edges that read nothing count, and lead on only between bounds. A state with a count is
 * one number, its id: below the number of states it is a state that has none, and behind them
 * follow, for each count from 1 on, the states of graphs that count.
 *
 * <p>{@code height[s]} is how many calls deep an answer must go at least to end the rule from
 * there; a state from which no end can be reached does not exist any more.
 */
final class Automaton {
  /**
   * Lengths of text in symbols, of each of which is known which states it does not tell apart. Most
   * tokens have no more than the first, and few more than the last.
   */
  static final int[] ALIKE = {4, 8, 16, 32};

  /** Longer tokens are rare. */
  static final int ALIKE_SYMBOLS = ALIKE[ALIKE.length - 1];

  static final int UNREACHABLE = Integer.MAX_VALUE / 2;

  final int states;
  final int first;
  final int symbols;

  /**
   * States below are those of {@link JsonRules}, numbered alike in every automaton that has them.
   */
  final int sharedStates;

  final int[] freeStart;
  final int[] freeTo;

  /** One more than the number of what the edge counts; 0 for nothing. */
  final int[] freeCount;

  final int[] readStart;
  final int[] readLow;
  final int[] readHigh;
  final int[] readTo;
  final int[] callStart;
  final int[] callFirst;
  final int[] callTo;
  final boolean[] ends;

  /** Where arrays open that must not have an element twice; null where none does. */
  final boolean @Nullable [] opensDistinct;

  final boolean[] endsOnly;
  final int[] height;

  /** By each of {@link #ALIKE}: a state that no text of so many symbols tells from this one. */
  final int[][] alike;

  /** A state that no token tells from this one, however long; fewer are found. */
  final int[] alikeToAll;

  /** The state that is there in this automaton for each: itself, or the one that is alike. */
  final int[] standsFor;

  /** Symbols of the longest text from any state for which counts must be told apart. */
  private final int window;

  private final int longestToken;
  private final Count[] counts;
  private final int[][] bounds;

  /** States that may have a count, and where each state is among them. */
  private final int[] counted;

  private final int[] placeOf;

  /** Symbols that no edge tells apart have one class. */
  final int[] classOf;

  final int classes;

  Automaton(AutomatonBuilder from, int symbols, int sharedStates) {
    states = from.states();
    first = from.first();
    this.symbols = symbols;
    this.sharedStates = sharedStates;
    ends = from.ends();
    opensDistinct = from.opensDistinct();
    endsOnly = from.endsOnly();
    height = from.heights();
    alike = from.alike();
    alikeToAll = from.alikeToAll();
    standsFor = IntStream.range(0, states).toArray();
    AutomatonBuilder.Edges free = from.free().kept(height);
    AutomatonBuilder.Edges read = from.read().kept(height);
    AutomatonBuilder.Edges call = from.calls().kept(height);
    freeStart = free.starts(states);
    freeTo = free.to();
    freeCount = free.low();
    counts = from.counts().toArray(Count[]::new);
    bounds = from.bounds();
    counted = IntStream.range(0, states).filter(state -> bounds[state].length > 0).toArray();
    placeOf = new int[states];
    for (int i = 0; i < counted.length; i++) {
      placeOf[counted[i]] = i;
    }
    window = Integer.MAX_VALUE;
    longestToken = from.longestToken();
    requireIds();
    readStart = read.starts(states);
    readLow = read.low();
    readHigh = read.high();
    readTo = read.to();
    callStart = call.starts(states);
    callFirst = call.low();
    callTo = call.to();
    classOf = new int[symbols];
    classes = classify();
  }

  private Automaton(Automaton of, int[] standsFor, int window) {
    this.standsFor = standsFor;
    this.window = window;
    longestToken = of.longestToken;
    counts = of.counts;
    bounds = of.bounds;
    counted = of.counted;
    placeOf = of.placeOf;
    freeCount = of.freeCount;
    states = of.states;
    first = of.first;
    symbols = of.symbols;
    sharedStates = of.sharedStates;
    ends = of.ends;
    opensDistinct = of.opensDistinct;
    endsOnly = of.endsOnly;
    height = of.height;
    alike = of.alike;
    alikeToAll = of.alikeToAll;
    freeStart = of.freeStart;
    freeTo = standIns(of.freeTo);
    readStart = of.readStart;
    readLow = of.readLow;
    readHigh = of.readHigh;
    readTo = standIns(of.readTo);
    callStart = of.callStart;
    callFirst = of.callFirst;
    callTo = standIns(of.callTo);
    classOf = of.classOf;
    classes = of.classes;
  }

  /**
   * The same for texts of up to {@link #ALIKE_SYMBOLS} symbols from any state, with the states that
   * they do not tell apart made one: where something is counted this one goes in circles.
   */
  Automaton withAlikeMerged() {
    return new Automaton(this, alike[alike.length - 1], ALIKE_SYMBOLS);
  }

  /** The same for all tokens. */
  Automaton withAlikeToAllMerged() {
    return new Automaton(this, alikeToAll, longestToken);
  }

  private void requireIds() {
    long largest = 0;
    for (Count count : counts) {
      int[] own = count.bounds();
      largest = own.length == 0 ? largest : Math.max(largest, own[own.length - 1]);
    }
    if ((largest + 2) * counted.length + states > Integer.MAX_VALUE) {
      throw new ConstraintException(
          "", "is too large: its counts and states are too many together");
    }
  }

  int stateOf(int id) {
    return id < states ? id : counted[(id - states) % counted.length];
  }

  private int countOf(int id) {
    return id < states ? 0 : 1 + (id - states) / counted.length;
  }

  private int id(int count, int state) {
    return count == 0 ? state : states + (count - 1) * counted.length + placeOf[state];
  }

  /** The id of another state of the same graph with the same count. */
  int with(int id, int state) {
    return id < states ? state : id(countOf(id), state);
  }

  /** The id behind a free edge, or -1 where the count does not let it pass. */
  int behind(int id, int freeEdge) {
    int to = freeTo[freeEdge];
    if (freeCount[freeEdge] == 0) {
      return with(id, to);
    }
    Count count = counts[freeCount[freeEdge] - 1];
    int value = countOf(id) + (count.ends() ? 0 : 1);
    if (value < count.low() || value > count.high()) {
      return -1;
    }
    return count.ends() ? to : id(alike(value, count.bounds(), window), to);
  }

  /** The id that is there in this automaton for one of the automaton that it was made of. */
  int standIn(int id) {
    return standIn(id, standsFor, window);
  }

  /** One for all ids that no text of so many symbols as {@link #ALIKE} has there tells apart. */
  int standIn(int id, int level) {
    return standIn(id, alike[level], ALIKE[level]);
  }

  private int standIn(int id, int[] same, int symbols) {
    int state = stateOf(id);
    return id < states ? same[state] : id(alike(countOf(id), bounds[state], symbols), same[state]);
  }

  /** The least count that no text of the window tells from this one. */
  private static int alike(int count, int[] ofGraph, int window) {
    int at = Arrays.binarySearch(ofGraph, count);
    int next = at < 0 ? -at - 1 : at + 1;
    if (next < ofGraph.length && ofGraph[next] - (long) window <= count) {
      return count;
    }
    return next == 0 ? 0 : ofGraph[next - 1];
  }

  private int[] standIns(int[] targets) {
    return Arrays.stream(targets).map(state -> standsFor[state]).toArray();
  }

  private int classify() {
    boolean[] begins = new boolean[symbols + 1];
    for (int edge = 0; edge < readTo.length; edge++) {
      begins[readLow[edge]] = true;
      begins[readHigh[edge] + 1] = true;
    }
    int found = 0;
    for (int symbol = 1; symbol < symbols; symbol++) {
      found += begins[symbol] ? 1 : 0;
      classOf[symbol] = found;
    }
    for (int edge = 0; edge < readTo.length; edge++) {
      readLow[edge] = classOf[readLow[edge]];
      readHigh[edge] = classOf[readHigh[edge]];
    }
    return found + 1;
  }

  boolean reads(int id) {
    int state = stateOf(id);
    return readStart[state] < readStart[state + 1];
  }

  /** Whether a bracket that is read there opens an array that must not have an element twice. */
  boolean opensDistinct(Configuration configuration) {
    boolean any = false;
    for (int i = 0; i < configuration.states.length && opensDistinct != null && !any; i++) {
      any = opensDistinct[stateOf(configuration.states[i])];
    }
    return any;
  }

  /** Whether anything at all is derived. */
  boolean isEmpty() {
    return height[first] >= UNREACHABLE;
  }

  int bytes() {
    return 20 * (freeTo.length + readTo.length + callTo.length) + 36 * states;
  }
}

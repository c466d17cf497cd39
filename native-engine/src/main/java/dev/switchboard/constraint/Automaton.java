package dev.switchboard.constraint;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * A pushdown automaton over symbols, as flat arrays: the edges of state {@code s} are those from
 * {@code start[s]} to {@code start[s + 1]}. A call edge runs another rule from its first state and
 * goes on at the edge's target when that rule ends.
 *
 * <p>{@code height[s]} is how many calls deep an answer must go at least to end the rule from
 * there; a state from which no end can be reached does not exist any more.
 */
final class Automaton {
  /** Longer tokens are rare. */
  static final int ALIKE_SYMBOLS = 32;

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
  final int[] readStart;
  final int[] readLow;
  final int[] readHigh;
  final int[] readTo;
  final int[] callStart;
  final int[] callFirst;
  final int[] callTo;
  final boolean[] ends;
  final boolean[] endsOnly;
  final int[] height;

  /** A state that no token of up to {@link #ALIKE_SYMBOLS} symbols tells from this one. */
  final int[] alike;

  /** A state that no token tells from this one, however long; fewer are found. */
  final int[] alikeToAll;

  /** The state that is there in this automaton for each: itself, or the one that is alike. */
  final int[] standsFor;

  /** Symbols that no edge tells apart have one class. */
  final int[] classOf;

  final int classes;

  Automaton(AutomatonBuilder from, int symbols, int sharedStates) {
    states = from.states();
    first = from.first();
    this.symbols = symbols;
    this.sharedStates = sharedStates;
    ends = from.ends();
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

  private Automaton(Automaton of, int[] standsFor) {
    this.standsFor = standsFor;
    states = of.states;
    first = of.first;
    symbols = of.symbols;
    sharedStates = of.sharedStates;
    ends = of.ends;
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
    return new Automaton(this, alike);
  }

  /** The same for all tokens. */
  Automaton withAlikeToAllMerged() {
    return new Automaton(this, alikeToAll);
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

  boolean reads(int state) {
    return readStart[state] < readStart[state + 1];
  }

  /** Whether anything at all is derived. */
  boolean isEmpty() {
    return height[first] >= UNREACHABLE;
  }

  int bytes() {
    return 16 * (freeTo.length + readTo.length + callTo.length) + 24 * states;
  }
}

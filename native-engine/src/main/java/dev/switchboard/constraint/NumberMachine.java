package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Symbol;
import dev.switchboard.constraint.NumberSet.Bound;
import dev.switchboard.constraint.StringMachine.IntSet;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Numbers that are in exactly one of several sets, digit by digit and exact: a deterministic graph
 * that knows for each bound how the digits so far compare with it, and for each step what they
 * leave divided by it.
 *
 * <p>An open side ends at 18 digits, or at one more than a bound has. Where sets or multiples must
 * be told apart there are 15 digits in all, so that who reads doubles finds the same. There is no
 * exponent, and negative zero is not written. One machine reads the digits behind one sign.
 *
 * <p>Where each number is to have one way to be written, and none that a double takes for another,
 * there are no more than 15 digits in all, and none of them is a zero at the end of a fraction.
 */
final class NumberMachine {
  /** A step's remainders are as many as it has last places. */
  private static final int LARGEST_STEP = 10_000;

  /** Digits that survive being read as a double, where more would make another number of it. */
  private static final int TOLD_DIGITS = 15;

  /** How many of them stand behind the point, where nothing says. */
  private static final int TOLD_PLACES = 6;

  private static final int EQUAL = 0;
  private static final int LESS = 1;
  private static final int GREATER = 2;

  /** No multiple of the step any more. */
  private static final int NEVER = -1;

  private final List<NumberSet> sets;
  private final boolean negative;
  private final boolean oneWay;
  private final CompileBudget budget;
  private final List<Digits> bounds;
  private final Map<BigDecimal, Integer> boundOf = new HashMap<>();
  private final List<Step> steps = new ArrayList<>();
  private final Map<BigDecimal, Integer> stepOf = new HashMap<>();
  private final int mostDigits;
  private final int mostPlaces;

  private final Map<IntSet, Integer> numbers = new LinkedHashMap<>();
  private final List<IntSet> states = new ArrayList<>();

  /** Where in a number: before it, behind so many digits, behind a zero, behind the point. */
  private static final int BEGIN = 0;

  private int zero() {
    return mostDigits + 1;
  }

  private int point() {
    return mostDigits + 2;
  }

  /** A bound's digits, without its sign. */
  private record Digits(String whole, String fraction) {
    static Digits of(BigDecimal number) {
      BigDecimal size = number.abs();
      BigDecimal rest = size.remainder(BigDecimal.ONE).stripTrailingZeros();
      String fraction = rest.signum() == 0 ? "" : rest.toPlainString().substring(2);
      return new Digits(size.toBigInteger().toString(), fraction);
    }
  }

  /**
   * A step as a whole number of last places.
   *
   * @param classOf of each remainder, those alike that no more digits tell apart
   * @param first a remainder of each class
   */
  private record Step(int size, int places, int[] classOf, int[] first) {
    int after(int state, int digit, int place) {
      if (state == NEVER || place >= places) {
        return digit == 0 ? state : NEVER;
      }
      return classOf[(int) ((first[state] * 10L + digit) % size)];
    }

    boolean divides(int state, int place) {
      int rest = state;
      for (int i = place; i < places && rest != NEVER; i++) {
        rest = after(rest, 0, i);
      }
      return rest != NEVER && first[rest] == 0;
    }
  }

  private NumberMachine(
      List<NumberSet> sets, boolean negative, boolean oneWay, CompileBudget budget) {
    this.sets = sets;
    this.negative = negative;
    this.oneWay = oneWay;
    this.budget = budget;
    this.bounds = new ArrayList<>();
    // That negative zero is none.
    addBound(BigDecimal.ZERO);
    for (NumberSet set : sets) {
      set.compared().stream().filter(b -> (b.signum() < 0) == negative).forEach(this::addBound);
      set.steps().forEach(this::addStep);
    }
    boolean told =
        oneWay || sets.size() > 1 || steps.stream().anyMatch(step -> step.first.length > 1);
    int places = told ? TOLD_PLACES : JsonRules.FRACTION_DIGITS;
    for (Digits bound : bounds) {
      places = Math.max(places, bound.fraction.length() + 1);
    }
    boolean stepped = sets.stream().allMatch(set -> set.places() >= 0);
    places = stepped ? sets.stream().mapToInt(NumberSet::places).max().orElse(0) : places;
    mostPlaces = oneWay ? Math.min(places, TOLD_DIGITS - 1) : places;
    int digits = told ? Math.max(1, TOLD_DIGITS - mostPlaces) : JsonRules.INTEGER_DIGITS;
    for (Digits bound : bounds) {
      digits = Math.max(digits, bound.whole.length() + 1);
    }
    mostDigits = oneWay ? Math.min(digits, TOLD_DIGITS - mostPlaces) : digits;
  }

  private void addBound(BigDecimal number) {
    BigDecimal key = number.stripTrailingZeros();
    if (boundOf.putIfAbsent(key, bounds.size()) == null) {
      budget.steps(50);
      bounds.add(Digits.of(number));
    }
  }

  private void addStep(BigDecimal number) {
    BigDecimal key = number.stripTrailingZeros();
    if (stepOf.putIfAbsent(key, steps.size()) == null) {
      steps.add(step(key));
    }
  }

  private Step step(BigDecimal number) {
    int places = NumberSet.places(number);
    int size = number.movePointRight(places).intValueExact();
    List<int[]> nexts = new ArrayList<>();
    boolean[] finals = new boolean[size];
    finals[0] = true;
    for (int rest = 0; rest < size; rest++) {
      budget.steps(4);
      int[] next = new int[10];
      for (int digit = 0; digit < 10; digit++) {
        next[digit] = (rest * 10 + digit) % size;
      }
      nexts.add(next);
    }
    Partition partition = new Partition(nexts, finals, budget);
    partition.refine(size);
    int[] first = partition.firstOfEach();
    int[] kept = Arrays.stream(first).distinct().toArray();
    int[] classOf = new int[size];
    Map<Integer, Integer> numberOf = new HashMap<>();
    for (int each : kept) {
      numberOf.put(each, numberOf.size());
    }
    Arrays.setAll(classOf, rest -> numberOf.getOrDefault(first[rest], 0));
    return new Step(size, places, classOf, kept);
  }

  /** Whether multiples of the number can be written. */
  static boolean canStep(BigDecimal step) {
    if (step.signum() <= 0 || NumberSet.places(step) > JsonRules.FRACTION_DIGITS) {
      return false;
    }
    BigDecimal size = step.movePointRight(NumberSet.places(step));
    return size.compareTo(BigDecimal.valueOf(LARGEST_STEP)) <= 0;
  }

  /** Numbers that exactly one of the sets has. */
  static Expression write(List<NumberSet> sets, CompileBudget budget) {
    return write(sets, false, budget);
  }

  /** The same, where each has but one way to be written. */
  static Expression writeOneWay(List<NumberSet> sets, CompileBudget budget) {
    return write(sets, true, budget);
  }

  private static Expression write(List<NumberSet> sets, boolean oneWay, CompileBudget budget) {
    Expression positive = new NumberMachine(sets, false, oneWay, budget).build();
    Expression negative = new NumberMachine(sets, true, oneWay, budget).build();
    return Expression.choice(positive, sequence(text("-"), negative));
  }

  // ---- states: the place, how each bound compares, what each step leaves, ending in a zero ------

  private Graph build() {
    int[] begin = new int[1 + bounds.size() + steps.size() + (oneWay ? 1 : 0)];
    for (int i = 0; i < steps.size(); i++) {
      begin[1 + bounds.size() + i] = steps.get(i).classOf[0];
    }
    number(begin);
    List<Edge> edges = new ArrayList<>();
    TreeSet<Integer> finals = new TreeSet<>();
    for (int from = 0; from < states.size(); from++) {
      int[] state = states.get(from).values();
      if (ends(state)) {
        finals.add(from);
      }
      addDigits(from, state, edges);
      boolean whole = state[0] > BEGIN && state[0] < point();
      if (whole && mostPlaces > 0) {
        edges.add(new Edge(from, text("."), number(afterPoint(state))));
      }
    }
    boolean[] isFinal = new boolean[states.size()];
    finals.forEach(node -> isFinal[node] = true);
    return new Graph(isFinal.length, edges, isFinal);
  }

  private int number(int[] state) {
    IntSet key = new IntSet(state);
    Integer known = numbers.get(key);
    if (known != null) {
      return known;
    }
    budget.edge();
    budget.steps(10 + 10 * state.length);
    numbers.put(key, states.size());
    states.add(key);
    return states.size() - 1;
  }

  /** Digits that lead to one state are one edge. */
  private void addDigits(int from, int[] state, List<Edge> edges) {
    int low = 0;
    int target = NEVER;
    for (int digit = 0; digit <= 10; digit++) {
      int[] next = digit == 10 ? null : after(state, digit);
      int to = next == null || isHopeless(next) ? NEVER : number(next);
      if (to != target || digit == 10) {
        if (target != NEVER) {
          budget.edge();
          edges.add(new Edge(from, new Symbol('0' + low, '0' + digit - 1), target));
        }
        low = digit;
        target = to;
      }
    }
  }

  private int @Nullable [] after(int[] state, int digit) {
    int place = state[0];
    boolean full = place == mostDigits || place == zero() || place == point() + mostPlaces;
    if (full) {
      return null;
    }
    boolean behindPoint = place >= point();
    int read = behindPoint ? place - point() : place;
    int[] next = new int[state.length];
    next[0] = place == BEGIN && digit == 0 ? zero() : place + 1;
    for (int i = 0; i < bounds.size(); i++) {
      Digits bound = bounds.get(i);
      String own = behindPoint ? bound.fraction : bound.whole;
      next[1 + i] =
          !behindPoint && read >= own.length()
              ? GREATER
              : compare(state[1 + i], digit, read < own.length() ? own.charAt(read) : '0');
    }
    for (int i = 0; i < steps.size(); i++) {
      int at = 1 + bounds.size() + i;
      Step step = steps.get(i);
      next[at] =
          behindPoint
              ? step.after(state[at], digit, read)
              : step.classOf[(int) ((step.first[state[at]] * 10L + digit) % step.size)];
    }
    if (oneWay) {
      next[next.length - 1] = behindPoint && digit == 0 ? 1 : 0;
    }
    return next;
  }

  private static int compare(int before, int digit, char own) {
    return before != EQUAL
        ? before
        : digit < own - '0' ? LESS : digit > own - '0' ? GREATER : EQUAL;
  }

  private int[] afterPoint(int[] state) {
    int[] next = state.clone();
    next[0] = point();
    for (int i = 0; i < bounds.size(); i++) {
      next[1 + i] = relation(state, i, false);
    }
    return next;
  }

  /** How what was read compares with a bound; at the end, all that it has not is zeros. */
  private int relation(int[] state, int bound, boolean atEnd) {
    int place = state[0];
    Digits digits = bounds.get(bound);
    int relation = state[1 + bound];
    if (place < point()) {
      int read = place == zero() ? 1 : place;
      relation = read < digits.whole.length() ? LESS : relation;
    }
    int behind = Math.max(0, place - point());
    boolean less = atEnd && relation == EQUAL && behind < digits.fraction.length();
    return less ? LESS : relation;
  }

  /** How the number compares with a value, as {@link Integer#compare} says it. */
  private int compared(int[] state, BigDecimal value) {
    Integer bound = boundOf.get(value.stripTrailingZeros());
    if ((value.signum() < 0) != negative || bound == null) {
      return negative ? -1 : 1;
    }
    int relation = relation(state, bound, true);
    int size = relation == EQUAL ? 0 : relation == LESS ? -1 : 1;
    return negative ? -size : size;
  }

  private boolean ends(int[] state) {
    int place = state[0];
    boolean digit = place > BEGIN && place != point();
    boolean superfluousZero = oneWay && state[state.length - 1] != 0;
    // Bound 0 is zero.
    boolean negativeZero = negative && relation(state, 0, true) == EQUAL;
    return digit
        && !superfluousZero
        && !negativeZero
        && sets.stream().filter(set -> has(set, state)).count() == 1;
  }

  private boolean has(NumberSet set, int[] state) {
    Bound least = set.least();
    Bound most = set.most();
    List<BigDecimal> values = set.values();
    int place = Math.max(0, state[0] - point());
    return (least == null || compared(state, least.value()) >= (least.open() ? 1 : 0))
        && (most == null || compared(state, most.value()) <= (most.open() ? -1 : 0))
        && (values == null || values.stream().anyMatch(value -> compared(state, value) == 0))
        && set.steps().stream().allMatch(step -> divides(step, state, place));
  }

  private boolean divides(BigDecimal step, int[] state, int place) {
    int index = stepOf.getOrDefault(step.stripTrailingZeros(), 0);
    return steps.get(index).divides(state[1 + bounds.size() + index], place);
  }

  /** Whether no set can have a number that begins so: more digits only make it larger. */
  private boolean isHopeless(int[] state) {
    return sets.stream().allMatch(set -> isBeyond(set, state));
  }

  private boolean isBeyond(NumberSet set, int[] state) {
    Bound far = negative ? set.least() : set.most();
    if (far == null) {
      return false;
    }
    if ((far.value().signum() < 0) != negative) {
      // Behind the minus a bound of zero or above, or without it one below zero.
      return true;
    }
    int bound = boundOf.getOrDefault(far.value().stripTrailingZeros(), 0);
    boolean larger = state[1 + bound] == GREATER;
    return larger && state[0] >= bounds.get(bound).whole().length();
  }
}

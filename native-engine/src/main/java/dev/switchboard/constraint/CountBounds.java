package dev.switchboard.constraint;

import dev.switchboard.constraint.Expression.Count;
import dev.switchboard.tokenizer.IntList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Between which counts of characters each state of a graph may be entered, so that its text can
 * still end with a length that is wanted.
 *
 * <p>From the end backwards: in round k stand the states from which k characters can end the text.
 * Once a round is as the one before, so are all that follow. A state that can end after k of {@code
 * [first, last]} may be entered with a count of {@code [least - last, most - first]}.
 */
final class CountBounds {
  /** Rounds that may differ; a graph whose lengths go on differing is not counted. */
  private static final int MOST_ROUNDS = 1024;

  private static final int NEVER = -1;

  private final int[] low;
  private final int[] high;
  private final int[] bounds;
  private final Map<Long, Count> steps = new HashMap<>();
  private final Map<Long, Integer> kinds = new HashMap<>();
  private final Count end;

  private CountBounds(int[] low, int[] high, StringSet length) {
    this.low = low;
    this.high = high;
    TreeSet<Integer> all = new TreeSet<>();
    int most = length.most() < 0 ? Integer.MAX_VALUE : length.most();
    add(all, length.least(), most);
    for (int state = 0; state < low.length; state++) {
      if (low[state] != NEVER) {
        add(all, low[state], high[state]);
      }
    }
    bounds = all.stream().mapToInt(Integer::intValue).toArray();
    end = new Count(true, length.least(), most, bounds);
  }

  private static void add(Set<Integer> bounds, int least, int most) {
    if (least > 0) {
      bounds.add(least);
    }
    if (most < Integer.MAX_VALUE) {
      bounds.add(most + 1);
    }
  }

  /**
   * @param nexts by state what follows each symbol, -1 for nothing; all of them lead to an end
   * @return null where the counts of a state have gaps
   */
  static @Nullable CountBounds of(
      List<int[]> nexts, boolean[] finals, StringSet length, CompileBudget budget) {
    int size = finals.length;
    int[][] before = before(nexts, budget);
    int[] low = new int[size];
    int[] high = new int[size];
    int[] began = new int[size];
    Arrays.fill(low, NEVER);
    Arrays.fill(began, NEVER);
    BitSet now = new BitSet(size);
    for (int state = 0; state < size; state++) {
      now.set(state, finals[state]);
    }
    int rounds = 0;
    BitSet then = new BitSet(size);
    for (; !now.equals(then) && rounds <= MOST_ROUNDS; rounds++) {
      BitSet last = then;
      then = now;
      for (int state = 0; state < size; state++) {
        if (then.get(state) != last.get(state) || rounds == 0) {
          if (then.get(state)) {
            began[state] = rounds;
          } else if (began[state] != NEVER) {
            if (!add(low, high, state, began[state], rounds - 1, length)) {
              return null;
            }
            began[state] = NEVER;
          }
        }
      }
      now = previous(then, before, budget);
    }
    if (rounds > MOST_ROUNDS) {
      return null;
    }
    for (int state = 0; state < size; state++) {
      if (began[state] != NEVER
          && !add(low, high, state, began[state], Integer.MAX_VALUE, length)) {
        return null;
      }
    }
    return new CountBounds(low, high, length);
  }

  /** By state those that lead to it. */
  private static int[][] before(List<int[]> nexts, CompileBudget budget) {
    IntList[] found = new IntList[nexts.size()];
    Arrays.setAll(found, state -> new IntList());
    for (int state = 0; state < found.length; state++) {
      budget.steps(1 + nexts.get(state).length / 4);
      for (int next : nexts.get(state)) {
        IntList list = next < 0 ? null : found[next];
        if (list != null && (list.size() == 0 || list.get(list.size() - 1) != state)) {
          list.add(state);
        }
      }
    }
    return Arrays.stream(found).map(IntList::toArray).toArray(int[][]::new);
  }

  private static BitSet previous(BitSet states, int[][] before, CompileBudget budget) {
    BitSet found = new BitSet(before.length);
    for (int state = states.nextSetBit(0); state >= 0; state = states.nextSetBit(state + 1)) {
      budget.steps(1 + before[state].length / 4);
      for (int each : before[state]) {
        found.set(each);
      }
    }
    return found;
  }

  /** Adds what an end after {@code [first, last]} more characters allows; false for a gap. */
  private static boolean add(
      int[] low, int[] high, int state, int first, int last, StringSet length) {
    int from = Math.max(0, length.least() - last);
    int to = length.most() < 0 ? Integer.MAX_VALUE : length.most() - first;
    if (to < from) {
      return true;
    }
    if (low[state] == NEVER) {
      low[state] = from;
      high[state] = to;
      return true;
    }
    // Later rounds allow lower counts.
    boolean joins = (long) to + 1 >= low[state];
    low[state] = Math.min(low[state], from);
    return joins;
  }

  boolean reaches(int state) {
    return low[state] != NEVER;
  }

  /** Whether a text may begin at all, in the first state. */
  boolean begins() {
    return low[0] == 0;
  }

  /** A number that states with other bounds have not. */
  int kind(int state) {
    return kinds.computeIfAbsent(key(state), missing -> kinds.size());
  }

  private long key(int state) {
    return (long) low[state] << 32 | high[state];
  }

  /** One more character, into the state. */
  Count step(int state) {
    return steps.computeIfAbsent(
        key(state), missing -> new Count(false, low[state], high[state], bounds));
  }

  Count end() {
    return end;
  }
}

package dev.switchboard.constraint;

import dev.switchboard.constraint.StringMachine.IntSet;
import dev.switchboard.tokenizer.IntList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Which states of a deterministic graph no text of so many characters tells apart: Moore's
 * partition, one round for each character. A round looks only at states before those that the last
 * round moved; of the others nothing can have changed.
 */
final class Partition {
  private final List<int[]> nexts;
  private final CompileBudget budget;
  private final int atoms;
  private final int[] block;
  private final int[] before;
  private final int[] beforeStart;

  /** By block: where its states go; null before that was looked at. */
  private final List<@Nullable IntSet> signatures = new ArrayList<>();

  private final IntList sizes = new IntList();

  /** What the next round looks at. */
  private int[] looked = {};

  /** What cannot be ended does not exist in the automaton, so it is taken out of the graph. */
  Partition(List<int[]> nexts, boolean[] finals, CompileBudget budget) {
    this.nexts = nexts;
    this.budget = budget;
    atoms = nexts.getFirst().length;
    block = new int[finals.length];
    beforeStart = new int[finals.length + 2];
    before = indexBefore();
    removeDeadEnds(finals);
    for (int kind = 0; kind < 2; kind++) {
      signatures.add(null);
      sizes.add(0);
    }
    looked = new int[block.length];
    for (int state = 0; state < block.length; state++) {
      looked[state] = state;
      block[state] = finals[state] ? 1 : 0;
      sizes.set(block[state], sizes.get(block[state]) + 1);
    }
  }

  /** For each state those that lead to it, from {@code beforeStart} on. */
  private int[] indexBefore() {
    for (int[] next : nexts) {
      budget.steps(1 + atoms / 4);
      for (int to : next) {
        beforeStart[to + 2]++;
      }
    }
    // What leads nowhere has been counted as leading to -1.
    beforeStart[1] = 0;
    for (int state = 2; state < beforeStart.length; state++) {
      beforeStart[state] += beforeStart[state - 1];
    }
    int[] found = new int[beforeStart[beforeStart.length - 1]];
    for (int state = 0; state < nexts.size(); state++) {
      for (int to : nexts.get(state)) {
        if (to >= 0) {
          found[beforeStart[to + 1]++] = state;
        }
      }
    }
    return found;
  }

  private void removeDeadEnds(boolean[] finals) {
    boolean[] ends = finals.clone();
    IntList open = new IntList();
    for (int state = 0; state < ends.length; state++) {
      if (ends[state]) {
        open.add(state);
      }
    }
    while (open.size() > 0) {
      int state = open.removeLast();
      for (int i = beforeStart[state]; i < beforeStart[state + 1]; i++) {
        if (!ends[before[i]]) {
          ends[before[i]] = true;
          open.add(before[i]);
        }
      }
    }
    for (int[] next : nexts) {
      for (int atom = 0; atom < atoms; atom++) {
        next[atom] = next[atom] >= 0 && ends[next[atom]] ? next[atom] : -1;
      }
    }
  }

  /**
   * Tells states apart that are not of one kind. Before {@link #refine}.
   *
   * @param kindOf a state's
   */
  void split(IntUnaryOperator kindOf) {
    Map<List<Integer>, Integer> blocks = new HashMap<>();
    boolean[] taken = new boolean[sizes.size()];
    for (int state = 0; state < block.length; state++) {
      int from = block[state];
      Integer to = blocks.get(List.of(from, kindOf.applyAsInt(state)));
      if (to == null) {
        to = taken[from] ? sizes.size() : from;
        taken[from] = true;
        if (to == sizes.size()) {
          sizes.add(0);
          signatures.add(null);
        }
        blocks.put(List.of(from, kindOf.applyAsInt(state)), to);
      }
      sizes.set(from, sizes.get(from) - 1);
      sizes.set(to, sizes.get(to) + 1);
      block[state] = to;
    }
  }

  /** So many rounds more. */
  void refine(int rounds) {
    for (int round = 0; round < rounds && looked.length > 0; round++) {
      looked = before(split(looked));
    }
  }

  /** Looks at these states; returns those that are in another block than before. */
  private int[] split(int[] looked) {
    int[] left = new int[sizes.size()];
    IntSet[] found = new IntSet[looked.length];
    for (int i = 0; i < looked.length; i++) {
      found[i] = signature(looked[i]);
      left[block[looked[i]]]++;
    }
    Map<IntSet, Integer> blocks = new HashMap<>();
    for (int kept = 0; kept < left.length; kept++) {
      IntSet signature = signatures.get(kept);
      if (left[kept] > 0 && left[kept] < sizes.get(kept) && signature != null) {
        blocks.put(signature, kept);
      }
      left[kept] = left[kept] < sizes.get(kept) ? 0 : 1;
    }
    IntList moved = new IntList();
    for (int i = 0; i < looked.length; i++) {
      int from = block[looked[i]];
      int to = blocks.computeIfAbsent(found[i], signature -> blockOf(signature, from, left));
      if (to != from) {
        sizes.set(from, sizes.get(from) - 1);
        sizes.set(to, sizes.get(to) + 1);
        block[looked[i]] = to;
        moved.add(looked[i]);
      }
    }
    return moved.toArray();
  }

  /** The old block for the first of one that was looked at whole, else a new one. */
  private int blockOf(IntSet signature, int from, int[] whole) {
    int to = from;
    if (whole[from] == 0) {
      to = sizes.size();
      sizes.add(0);
      signatures.add(null);
    }
    whole[from] = 0;
    int[] values = signature.values().clone();
    values[atoms] = to;
    signatures.set(to, new IntSet(values));
    return to;
  }

  /** Its block and those it leads to. */
  private IntSet signature(int state) {
    budget.steps(4 + atoms / 2);
    int[] next = nexts.get(state);
    int[] signature = new int[atoms + 1];
    signature[atoms] = block[state];
    for (int atom = 0; atom < atoms; atom++) {
      signature[atom] = next[atom] < 0 ? -1 : block[next[atom]];
    }
    return new IntSet(signature);
  }

  /** The states that lead to any of these, each once. */
  private int[] before(int[] states) {
    boolean[] known = new boolean[block.length];
    IntList found = new IntList();
    for (int state : states) {
      budget.steps(1 + (beforeStart[state + 1] - beforeStart[state]) / 4);
      for (int i = beforeStart[state]; i < beforeStart[state + 1]; i++) {
        if (!known[before[i]]) {
          known[before[i]] = true;
          found.add(before[i]);
        }
      }
    }
    return found.toArray();
  }

  /** For each of {@link Automaton#ALIKE} the first state that no such text tells from each. */
  int[][] alike() {
    int[][] found = new int[Automaton.ALIKE.length][];
    for (int level = 0; level < found.length; level++) {
      refine(Automaton.ALIKE[level] - (level == 0 ? 0 : Automaton.ALIKE[level - 1]));
      found[level] = firstOfEach();
    }
    return found;
  }

  /** By state the first one in its block. */
  int[] firstOfEach() {
    int[] first = new int[sizes.size()];
    Arrays.fill(first, -1);
    int[] alike = new int[block.length];
    for (int state = 0; state < block.length; state++) {
      first[block[state]] = first[block[state]] < 0 ? state : first[block[state]];
      alike[state] = first[block[state]];
    }
    return alike;
  }
}

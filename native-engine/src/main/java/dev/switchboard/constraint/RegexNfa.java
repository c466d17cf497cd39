package dev.switchboard.constraint;

import dev.switchboard.tokenizer.IntList;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** An expression as positions and steps between them; made by {@link RegexReader}. */
final class RegexNfa {
  /** What must hold for a step that reads nothing. */
  enum When {
    ALWAYS,
    AT_START,
    AT_END
  }

  private record Step(CodePoints set, int to) {}

  private record Free(When when, int to) {}

  private final List<List<Step>> steps = new ArrayList<>();
  private final List<List<Free>> frees = new ArrayList<>();
  private final Set<CodePoints> sets = new LinkedHashSet<>();
  private final CompileBudget budget;
  private int first;
  private int last;

  RegexNfa(CompileBudget budget) {
    this.budget = budget;
  }

  /** Matches these texts. */
  static RegexNfa of(List<String> texts, CompileBudget budget) {
    RegexNfa nfa = new RegexNfa(budget);
    int begin = nfa.position();
    int end = nfa.position();
    for (String text : texts) {
      int at = begin;
      for (int character : text.codePoints().toArray()) {
        int next = nfa.position();
        nfa.step(at, CodePoints.of(character), next);
        at = next;
      }
      nfa.free(at, When.ALWAYS, end);
    }
    nfa.between(begin, end);
    return nfa;
  }

  int position() {
    budget.part();
    steps.add(new ArrayList<>());
    frees.add(new ArrayList<>());
    return steps.size() - 1;
  }

  void step(int from, CodePoints set, int to) {
    budget.step();
    sets.add(set);
    steps.get(from).add(new Step(set, to));
  }

  void free(int from, When when, int to) {
    budget.step();
    frees.get(from).add(new Free(when, to));
  }

  /** Between two positions what another expression matches of the rest of the text. */
  void rest(RegexNfa other, int from, int to) {
    int base = steps.size();
    for (int i = 0; i < other.steps.size(); i++) {
      position();
    }
    for (int i = 0; i < other.steps.size(); i++) {
      for (Step step : other.steps.get(i)) {
        step(base + i, step.set, base + step.to);
      }
      for (Free free : other.frees.get(i)) {
        free(base + i, free.when, base + free.to);
      }
    }
    free(from, When.ALWAYS, base + other.first);
    free(base + other.last, When.AT_END, to);
  }

  void between(int firstPosition, int lastPosition) {
    first = firstPosition;
    last = lastPosition;
  }

  int size() {
    return steps.size();
  }

  /** Every set that a step reads. */
  Set<CodePoints> sets() {
    return sets;
  }

  int[] start() {
    BitSet found = new BitSet();
    found.set(first);
    return positions(close(found, true, false));
  }

  /** Positions after a character; empty when it does not fit. */
  int[] after(int[] positions, int character, CompileBudget work) {
    BitSet found = new BitSet(steps.size());
    int looked = steps.size() / 256;
    for (int position : positions) {
      List<Step> leaving = steps.get(position);
      for (int i = 0; i < leaving.size(); i++) {
        if (leaving.get(i).set.contains(character)) {
          found.set(leaving.get(i).to);
        }
      }
      looked += 1 + leaving.size();
    }
    int[] closed = positions(close(found, false, false));
    work.steps(10 + looked + 2 * closed.length);
    return closed;
  }

  /** Whether it matches the whole text. */
  boolean matches(String text, CompileBudget work) {
    int[] at = start();
    for (int i = 0;
        i < text.length() && at.length > 0;
        i += Character.charCount(text.codePointAt(i))) {
      at = after(at, text.codePointAt(i), work);
    }
    return text.isEmpty() ? close(bits(at), true, true).get(last) : at.length > 0 && accepts(at);
  }

  private static BitSet bits(int[] positions) {
    BitSet set = new BitSet();
    for (int position : positions) {
      set.set(position);
    }
    return set;
  }

  private static int[] positions(BitSet set) {
    int[] positions = new int[set.cardinality()];
    int at = 0;
    for (int position = set.nextSetBit(0); position >= 0; position = set.nextSetBit(position + 1)) {
      positions[at++] = position;
    }
    return positions;
  }

  boolean accepts(int[] positions) {
    // A position is closed already, but for what only holds at the end.
    return close(bits(positions), false, true).get(last);
  }

  private BitSet close(BitSet found, boolean atStart, boolean atEnd) {
    BitSet closed = new BitSet(steps.size());
    closed.or(found);
    IntList open = new IntList();
    for (int position : positions(found)) {
      open.add(position);
    }
    while (open.size() > 0) {
      for (Free free : frees.get(open.removeLast())) {
        boolean holds =
            switch (free.when) {
              case ALWAYS -> true;
              case AT_START -> atStart;
              case AT_END -> atEnd;
            };
        if (holds && !closed.get(free.to)) {
          closed.set(free.to);
          open.add(free.to);
        }
      }
    }
    return closed;
  }
}

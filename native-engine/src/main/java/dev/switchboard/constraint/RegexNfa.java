package dev.switchboard.constraint;

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

  int position() {
    budget.step();
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

  void between(int firstPosition, int lastPosition) {
    first = firstPosition;
    last = lastPosition;
  }

  /** Every set that a step reads. */
  Set<CodePoints> sets() {
    return sets;
  }

  int[] start() {
    BitSet found = new BitSet();
    found.set(first);
    return close(found, true, false).stream().toArray();
  }

  /** Positions after a character; empty when it does not fit. */
  int[] after(int[] positions, int character, CompileBudget work) {
    BitSet found = new BitSet();
    for (int position : positions) {
      for (Step step : steps.get(position)) {
        if (step.set.contains(character)) {
          found.set(step.to);
        }
      }
    }
    BitSet closed = close(found, false, false);
    work.steps(closed.cardinality());
    return closed.stream().toArray();
  }

  boolean accepts(int[] positions) {
    BitSet found = new BitSet();
    for (int position : positions) {
      found.set(position);
    }
    // A position is closed already, but for what only holds at the end.
    return close(found, false, true).get(last);
  }

  private BitSet close(BitSet found, boolean atStart, boolean atEnd) {
    BitSet closed = new BitSet();
    IntList open = new IntList();
    found.stream().forEach(open::add);
    closed.or(found);
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

package dev.switchboard.constraint;

import dev.switchboard.constraint.AutomatonBuilder.Edges;
import dev.switchboard.tokenizer.IntList;
import java.util.BitSet;

/** Which rules a rule can call before it reads anything. */
final class LeftCalls {
  private final AutomatonBuilder builder;
  private final CompileBudget budget;
  private final int[] freeStart;
  private final Edges free;
  private final int[] callStart;
  private final Edges calls;
  private final BitSet nullable = new BitSet();

  LeftCalls(AutomatonBuilder builder, CompileBudget budget) {
    this.builder = builder;
    this.budget = budget;
    int[] all = new int[builder.states()];
    free = builder.free().kept(all);
    calls = builder.calls().kept(all);
    freeStart = free.starts(all.length);
    callStart = calls.starts(all.length);
    findNullable();
  }

  private void findNullable() {
    int before;
    do {
      before = nullable.cardinality();
      for (int i = 0; i < builder.firstStates().size(); i++) {
        int first = builder.firstStates().get(i);
        if (!nullable.get(first) && reached(first).get(first + 1)) {
          nullable.set(first);
        }
      }
    } while (nullable.cardinality() > before);
  }

  /** States reached from a rule's first without reading. */
  private BitSet reached(int first) {
    BitSet reached = new BitSet();
    IntList open = new IntList();
    reached.set(first);
    open.add(first);
    while (open.size() > 0) {
      budget.step();
      int state = open.removeLast();
      for (int edge = freeStart[state]; edge < freeStart[state + 1]; edge++) {
        visit(free.to(edge), reached, open);
      }
      for (int edge = callStart[state]; edge < callStart[state + 1]; edge++) {
        if (nullable.get(calls.low(edge))) {
          visit(calls.to(edge), reached, open);
        }
      }
    }
    return reached;
  }

  private static void visit(int state, BitSet reached, IntList open) {
    if (!reached.get(state)) {
      reached.set(state);
      open.add(state);
    }
  }

  /** The first state of a rule that may call itself before it reads, or -1. */
  int anyOnCycle() {
    int rules = builder.firstStates().size();
    int[] callers = new int[builder.states()];
    BitSet[] callees = new BitSet[builder.states()];
    for (int i = 0; i < rules; i++) {
      int first = builder.firstStates().get(i);
      callees[first] = calleesOf(first);
      callees[first].stream().forEach(callee -> callers[callee]++);
    }
    IntList uncalled = new IntList();
    for (int i = 0; i < rules; i++) {
      if (callers[builder.firstStates().get(i)] == 0) {
        uncalled.add(builder.firstStates().get(i));
      }
    }
    int removed = 0;
    for (; uncalled.size() > 0; removed++) {
      callees[uncalled.removeLast()].stream()
          .filter(callee -> --callers[callee] == 0)
          .forEach(uncalled::add);
    }
    return removed == rules ? -1 : anyWithCallers(callers);
  }

  /** Of those left some are only called from a cycle; going back from one leads onto a cycle. */
  private int anyWithCallers(int[] callers) {
    for (int i = 0; i < builder.firstStates().size(); i++) {
      int first = builder.firstStates().get(i);
      if (callers[first] > 0 && callsItself(first)) {
        return first;
      }
    }
    return builder.firstStates().get(0);
  }

  private boolean callsItself(int first) {
    BitSet seen = new BitSet();
    IntList open = new IntList();
    open.add(first);
    while (open.size() > 0) {
      BitSet next = calleesOf(open.removeLast());
      if (next.get(first)) {
        return true;
      }
      next.stream().filter(callee -> !seen.get(callee)).forEach(open::add);
      seen.or(next);
    }
    return false;
  }

  private BitSet calleesOf(int first) {
    BitSet callees = new BitSet();
    reached(first).stream()
        .forEach(
            state -> {
              for (int edge = callStart[state]; edge < callStart[state + 1]; edge++) {
                callees.set(calls.low(edge));
              }
            });
    return callees;
  }
}

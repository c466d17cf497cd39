package dev.switchboard.constraint;

import dev.switchboard.constraint.AutomatonBuilder.Edges;
import dev.switchboard.tokenizer.IntList;

/** Edges by the state whose height decides theirs: the target, and for a call the callee too. */
final class Dependents {
  private final Edges[] kinds;
  private final int[][] byTarget;
  private final int[][] byTargetStart;
  private final int[] byCallee;
  private final int[] byCalleeStart;
  private final Edges calls;

  Dependents(AutomatonBuilder builder, int states) {
    calls = builder.calls();
    kinds = new Edges[] {builder.free(), builder.read(), calls};
    byTarget = new int[kinds.length][];
    byTargetStart = new int[kinds.length][];
    for (int kind = 0; kind < kinds.length; kind++) {
      byTargetStart[kind] = new int[states + 2];
      byTarget[kind] = index(kinds[kind], false, byTargetStart[kind]);
    }
    byCalleeStart = new int[states + 2];
    byCallee = index(calls, true, byCalleeStart);
  }

  /** Edge numbers ordered by target or callee; starts tells where each state's begin. */
  private static int[] index(Edges edges, boolean byCallee, int[] starts) {
    for (int edge = 0; edge < edges.size(); edge++) {
      starts[key(edges, edge, byCallee) + 2]++;
    }
    for (int state = 2; state < starts.length; state++) {
      starts[state] += starts[state - 1];
    }
    int[] order = new int[edges.size()];
    for (int edge = 0; edge < edges.size(); edge++) {
      order[starts[key(edges, edge, byCallee) + 1]++] = edge;
    }
    return order;
  }

  private static int key(Edges edges, int edge, boolean byCallee) {
    return byCallee ? edges.low(edge) : edges.to(edge);
  }

  /** Lowers the heights that depend on a state's and notes the states whose height fell. */
  void relax(int state, int[] heights, boolean[] endsOnly, IntList changed) {
    for (int kind = 0; kind < kinds.length; kind++) {
      for (int i = byTargetStart[kind][state]; i < byTargetStart[kind][state + 1]; i++) {
        int edge = byTarget[kind][i];
        lower(kinds[kind].from(edge), heightOf(kind, edge, heights, endsOnly), heights, changed);
      }
    }
    for (int i = byCalleeStart[state]; i < byCalleeStart[state + 1]; i++) {
      int edge = byCallee[i];
      lower(calls.from(edge), heightOf(2, edge, heights, endsOnly), heights, changed);
    }
  }

  private int heightOf(int kind, int edge, int[] heights, boolean[] endsOnly) {
    int target = kinds[kind].to(edge);
    if (kind < 2) {
      return heights[target];
    }
    int callee = heights[calls.low(edge)] + (endsOnly[target] ? 0 : 1);
    return Math.max(heights[target], callee);
  }

  private static void lower(int state, int height, int[] heights, IntList changed) {
    if (height < heights[state] && height < Automaton.UNREACHABLE) {
      heights[state] = height;
      changed.add(state);
    }
  }
}

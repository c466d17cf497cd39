package dev.switchboard.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * What one compilation may cost. Counted in steps and edges, not in milliseconds: the same source
 * is then accepted or refused always, whatever else the machine does. A warm machine does all the
 * steps in less than 50 ms, which {@code bench constraint} shows for sources made to take long.
 */
class CompileBudget {
  /** Most nesting of a source: groups, schemas inside schemas. */
  static final int DEPTH = 64;

  /** Longest source, in chars. */
  static final int SOURCE_CHARS = 1 << 20;

  /** An edge is 16 bytes, so this is 1 MiB. */
  private static final int EDGES = 1 << 16;

  private static final int STEPS = 1_500_000;

  /** A part of an expression with its lists is up to 200 bytes, so this is 24 MiB. */
  private static final int PARTS = 1 << 17;

  private final Set<String> ignored;
  private int edges;
  private int parts;
  private long steps;

  CompileBudget() {
    this(new LinkedHashSet<>());
  }

  /**
   * @param ignored gets the paths in the source of what says nothing
   */
  CompileBudget(Set<String> ignored) {
    this.ignored = ignored;
  }

  /** For sources of this package. */
  static CompileBudget unbounded() {
    return new CompileBudget() {
      @Override
      void steps(long count) {}
    };
  }

  Set<String> ignored() {
    return ignored;
  }

  void edge() {
    if (++edges > EDGES) {
      throw new ConstraintException("", "is too large: its automaton has more than 1 MiB");
    }
    step();
  }

  /** Asked before memory is taken for so many: what is too much is refused, nothing is counted. */
  void requireEdges(long count) {
    if (edges + count > EDGES) {
      throw new ConstraintException("", "is too large: its automaton has more than 1 MiB");
    }
  }

  /** A part of a regular expression or a grammar, or a position of its automaton. */
  void part() {
    if (++parts > PARTS) {
      throw new ConstraintException("", "is too large: it has more than " + PARTS + " parts");
    }
    step();
  }

  void step() {
    steps(1);
  }

  void steps(long count) {
    steps += count;
    if (steps > STEPS) {
      throw new ConstraintException("", "is too complex to compile");
    }
  }

  /** What it takes to walk or copy the value. */
  void walk(JsonNode value) {
    step();
    for (JsonNode inner : value) {
      walk(inner);
    }
  }

  /** What it takes to look at so many things for each of so many others. */
  void pairs(int left, int right) {
    steps((long) left * right / 16);
  }

  static void checkSource(String source) {
    if (source.length() > SOURCE_CHARS) {
      throw new ConstraintException("", "is longer than " + SOURCE_CHARS + " characters");
    }
  }

  static void checkDepth(int depth, String path) {
    if (depth > DEPTH) {
      throw new ConstraintException(path, "is nested more than " + DEPTH + " levels deep");
    }
  }
}

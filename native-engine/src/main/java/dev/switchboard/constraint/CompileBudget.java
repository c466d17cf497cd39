package dev.switchboard.constraint;

/**
 * What one compilation may cost. Counted in steps and edges, not in milliseconds: the same source
 * is then accepted or refused always, whatever else the machine does. A warm machine does all the
 * steps in less than 50 ms, which {@code bench constraint} shows for sources made to take long.
 */
final class CompileBudget {
  /** Most nesting of a source: groups, schemas inside schemas. */
  static final int DEPTH = 64;

  /** Longest source, in chars. */
  static final int SOURCE_CHARS = 1 << 20;

  /** An edge is 16 bytes, so this is 1 MiB. */
  private static final int EDGES = 1 << 16;

  private static final int STEPS = 1_500_000;

  private int edges;
  private int steps;

  void edge() {
    if (++edges > EDGES) {
      throw new ConstraintException("", "is too large: its automaton has more than 1 MiB");
    }
    step();
  }

  void step() {
    steps(1);
  }

  void steps(int count) {
    steps += count;
    if (steps > STEPS) {
      throw new ConstraintException("", "is too complex to compile");
    }
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

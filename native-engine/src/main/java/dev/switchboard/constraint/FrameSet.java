package dev.switchboard.constraint;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Where a rule returns to, for all ways it was called at once: states to go on at, each with the
 * frames below it. Interned, so equal sets are one object.
 *
 * <p>A set with {@code bottom} may end the answer; one with {@code unknown} may return to a caller
 * that is not looked at.
 */
final class FrameSet {
  /** Ids of the automaton: states with their counts. */
  final int[] returns;

  final FrameSet[] below;
  final boolean bottom;
  final boolean unknown;

  /** Frames on the deepest way down. */
  final int depth;

  /** Its number among those interned; told by its store. */
  int id;

  private final int hash;

  FrameSet(int[] returns, FrameSet[] below, boolean bottom, boolean unknown) {
    this.returns = returns;
    this.below = below;
    this.bottom = bottom;
    this.unknown = unknown;
    int deepest = 0;
    int mixed = Arrays.hashCode(returns) * 31 + (bottom ? 1 : 0) + (unknown ? 2 : 0);
    for (FrameSet set : below) {
      deepest = Math.max(deepest, set.depth + 1);
      mixed = mixed * 31 + System.identityHashCode(set);
    }
    depth = deepest;
    hash = mixed;
  }

  int bytes() {
    return 48 + 8 * returns.length;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    if (!(other instanceof FrameSet set) || set.hash != hash) {
      return false;
    }
    return set.bottom == bottom
        && set.unknown == unknown
        && Arrays.equals(set.returns, returns)
        && sameBelow(set);
  }

  @SuppressWarnings("ReferenceEquality") // Interned.
  private boolean sameBelow(FrameSet set) {
    for (int i = 0; i < below.length; i++) {
      if (below[i] != set.below[i]) {
        return false;
      }
    }
    return true;
  }

  @Override
  public int hashCode() {
    return hash;
  }
}

package dev.switchboard.constraint;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * All states an answer so far may be in that read something, each with the frames below it.
 * Interned by its store; what follows each class of symbols is found when first asked for.
 */
final class Configuration {
  static final Configuration DEAD = new Configuration(new int[0], new FrameSet[0], false, false, 0);

  /** Ids of the automaton: states with their counts. */
  final int[] states;

  final FrameSet[] frames;

  /** The answer may end here. */
  final boolean complete;

  /** Some way has returned to an unknown caller. */
  final boolean returned;

  /** The deepest nesting that was looked at to get here, needed calls included. */
  int reach;

  final @Nullable Configuration[] next;

  /** Tokens that may follow, but for the end tokens; null until they were found. */
  @Nullable TokenSet allowed;

  /** What may follow has been asked for. */
  boolean sought;

  /** Finding it failed, as it will again. */
  boolean unfindable;

  /** How long plain text surely goes on: see {@link PlainText}; by kind. */
  @Nullable Survival @Nullable [] survivals;

  /** Of a place in an array without an element twice: see {@link DistinctItems}. */
  int @Nullable [] narrow;

  private final int hash;

  Configuration(int[] states, FrameSet[] frames, boolean complete, boolean returned, int classes) {
    this.states = states;
    this.frames = frames;
    this.complete = complete;
    this.returned = returned;
    next = new Configuration[classes];
    int mixed = Arrays.hashCode(states) * 31 + (complete ? 1 : 0) + (returned ? 2 : 0);
    for (FrameSet set : frames) {
      mixed = mixed * 31 + System.identityHashCode(set);
    }
    hash = mixed;
  }

  /**
   * @param characters texts of so many may follow, whatever they say
   * @param ends whether of longer ones none may, nor did the rule end on the way
   * @param reach the deepest nesting that was looked at to find out
   */
  record Survival(int characters, boolean ends, int reach) {}

  /** Nothing can follow and the answer may not end. */
  boolean isDead() {
    return states.length == 0 && !complete;
  }

  int bytes() {
    return 80 + 12 * states.length + 4 * next.length;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    if (!(other instanceof Configuration that) || that.hash != hash) {
      return false;
    }
    return that.complete == complete
        && that.returned == returned
        && Arrays.equals(that.states, states)
        && sameFrames(that);
  }

  @SuppressWarnings("ReferenceEquality") // Frame sets are interned.
  private boolean sameFrames(Configuration that) {
    for (int i = 0; i < frames.length; i++) {
      if (frames[i] != that.frames[i]) {
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

package dev.switchboard.constraint;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Follows one answer through its constraint. Used by one thread at a time; takes no memory where
 * answers have been before.
 */
public final class Matcher {
  /** Steps for one token: tens of milliseconds. */
  private static final long MOST_WORK = 1_000_000;

  /** Symbols of a text that are followed at once; who waits for the constraint comes in between. */
  private static final int PIECE = 64;

  private static final String MISFIT = "it does not fit the constraint";

  private final Constraint constraint;
  private final @Nullable DistinctItems distinct;
  private Configuration configuration;
  private int generation;
  private boolean ended;
  private String problem = "";

  /**
   * @throws ConstraintException when it is too ambiguous to begin
   */
  Matcher(Constraint constraint) {
    this.constraint = constraint;
    synchronized (constraint) {
      distinct = DistinctItems.of(constraint);
      constraint.configurations().limitWork(MOST_WORK);
      configuration = constraint.configurations().initial();
      generation = constraint.configurations().generation();
    }
  }

  /**
   * Takes the answer's next token.
   *
   * @return false when it does not fit; the matcher then stays where it was
   */
  public boolean advance(int token) {
    TokenVocabulary vocabulary = constraint.vocabulary();
    if (ended || vocabulary.isEnd(token)) {
      boolean fits = !ended && configuration.complete;
      ended |= fits;
      problem = fits ? problem : "an end token came where the answer cannot end";
      return fits;
    }
    int from = vocabulary.start(token);
    int to = vocabulary.start(token + 1);
    if (from == to) {
      problem = MISFIT;
      return false;
    }
    return follow(vocabulary.pool(), from, to);
  }

  /** Takes symbols, all of them or none. */
  private boolean follow(char[] symbols, int from, int to) {
    synchronized (constraint) {
      try {
        renew();
        Configuration next = configuration;
        for (int i = from; i < to; i++) {
          next = constraint.configurations().next(next, symbols[i]);
        }
        boolean isNew =
            distinct == null || next.isDead() || distinct.take(symbols, from, to, configuration);
        if (!next.isDead() && isNew) {
          configuration = next;
          return true;
        }
        problem = MISFIT;
      } catch (ConstraintException ambiguous) {
        problem = "the constraint " + ambiguous.complaint();
      }
    }
    return false;
  }

  /** Takes more of the answer as text, and says whether the answer is whole then. */
  boolean endsWith(String text) {
    char[] symbols =
        new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1)
            .toCharArray();
    boolean fits = true;
    for (int from = 0; fits && from < symbols.length; from += PIECE) {
      fits = follow(symbols, from, Math.min(from + PIECE, symbols.length));
    }
    return fits && isComplete();
  }

  /**
   * Whether {@link #mask} returns at once. If not, its constraint's executor finds it; ask again.
   */
  public boolean isMaskReady() {
    synchronized (constraint) {
      try {
        renew();
        return constraint.isFound(configuration);
      } catch (ConstraintException ambiguous) {
        return true;
      }
    }
  }

  /**
   * Writes which tokens may follow: bit {@code t % 64} of word {@code t / 64}.
   *
   * @return false when none may: see {@link #problem}
   */
  public boolean mask(long[] allowed) {
    try {
      synchronized (constraint) {
        renew();
      }
      TokenSet following = constraint.after(configuration);
      following.copyTo(allowed);
      boolean mayGoOn = restrict(allowed, following) && !following.isEmpty();
      boolean mayEnd = configuration.complete && addEnds(allowed);
      if (ended || (!mayGoOn && !mayEnd)) {
        problem = "no token of the vocabulary continues the answer under its constraint";
        return false;
      }
    } catch (ConstraintException ambiguous) {
      problem = "the constraint " + ambiguous.complaint();
      return false;
    }
    return true;
  }

  /** Takes out what would repeat an element; says whether anything is left. */
  private boolean restrict(long[] allowed, TokenSet following) {
    if (distinct == null) {
      return true;
    }
    synchronized (constraint) {
      distinct.restrict(allowed, following, configuration);
    }
    boolean any = false;
    for (int i = 0; i < allowed.length && !any; i++) {
      any = allowed[i] != 0;
    }
    return any;
  }

  /** Says whether there are any. */
  private boolean addEnds(long[] allowed) {
    int[] ends = constraint.vocabulary().ends();
    for (int end : ends) {
      allowed[end / Long.SIZE] |= 1L << end;
    }
    return ends.length > 0;
  }

  /** What is learnt may have been dropped since. */
  private void renew() {
    Configurations configurations = constraint.configurations();
    configurations.trim();
    configurations.limitWork(MOST_WORK);
    if (generation != configurations.generation()) {
      configuration = configurations.adopt(configuration);
      generation = configurations.generation();
    }
  }

  /** Whether the answer is whole as it is. */
  public boolean isComplete() {
    return configuration.complete;
  }

  /** Whether the answer is whole and nothing can follow. */
  public boolean isFinished() {
    return ended || (configuration.complete && configuration.states.length == 0);
  }

  /** Why the last call returned false. */
  public String problem() {
    return problem;
  }
}

package dev.switchboard.constraint;

import java.nio.charset.StandardCharsets;

/**
 * Follows one answer through its constraint. Used by one thread at a time; takes no memory where
 * answers have been before.
 */
public final class Matcher {
  /** Steps for one token: tens of milliseconds. */
  private static final long MOST_WORK = 1_000_000;

  private final Constraint constraint;
  private Configuration configuration;
  private int generation;
  private boolean ended;
  private String problem = "";

  Matcher(Constraint constraint) {
    this.constraint = constraint;
    synchronized (constraint) {
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
    synchronized (constraint) {
      try {
        renew();
        Configuration next = configuration;
        for (int i = 0; i < vocabulary.length(token); i++) {
          next = constraint.configurations().next(next, vocabulary.symbol(token, i));
        }
        if (next.isDead() || vocabulary.length(token) == 0) {
          problem = "token " + token + " does not fit the constraint";
          return false;
        }
        configuration = next;
      } catch (ConstraintException ambiguous) {
        problem = "the constraint " + ambiguous.complaint();
        return false;
      }
    }
    return true;
  }

  /**
   * Takes more of the answer as text, wherever its tokens begin and end.
   *
   * @return false when it does not fit; the matcher then stays where it was
   */
  public boolean advance(String text) {
    synchronized (constraint) {
      try {
        renew();
        Configuration next = configuration;
        for (byte symbol : text.getBytes(StandardCharsets.UTF_8)) {
          next = constraint.configurations().next(next, symbol & 0xff);
        }
        if (ended || next.isDead()) {
          problem = "the text does not fit the constraint";
          return false;
        }
        configuration = next;
      } catch (ConstraintException ambiguous) {
        problem = "the constraint " + ambiguous.complaint();
        return false;
      }
    }
    return true;
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
      boolean mayEnd = configuration.complete && addEnds(allowed);
      if (ended || (following.isEmpty() && !mayEnd)) {
        problem = "no token of the vocabulary continues the answer under its constraint";
        return false;
      }
    } catch (ConstraintException ambiguous) {
      problem = "the constraint " + ambiguous.complaint();
      return false;
    }
    return true;
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

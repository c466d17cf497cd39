package dev.switchboard.constraint;

/**
 * A compiled constraint. Shared by all requests that ask for the same; what its matchers learn
 * about it is kept with it, in bounded memory. Matchers may run on any threads.
 */
public final class Constraint {
  /** Of what is learnt: some 500 masks over 128 thousand tokens and what leads to them. */
  private static final long CACHE_BYTES = 8 << 20;

  private final TokenVocabulary vocabulary;
  private final Configurations configurations;
  private final Masks masks;

  Constraint(Automaton automaton, TokenVocabulary vocabulary) {
    this.vocabulary = vocabulary;
    configurations = new Configurations(automaton, CACHE_BYTES);
    masks = new Masks(automaton, configurations, vocabulary);
  }

  /** For a new answer. */
  public Matcher matcher() {
    return new Matcher(this);
  }

  /** 64-bit words of its masks. */
  public int maskWords() {
    return vocabulary.words();
  }

  TokenVocabulary vocabulary() {
    return vocabulary;
  }

  /** Memory of what was learnt, about. */
  long learntBytes() {
    return configurations.bytes();
  }

  /** Guarded by this constraint. */
  Configurations configurations() {
    return configurations;
  }

  /** Guarded by this constraint. */
  Masks masks() {
    return masks;
  }
}

package dev.switchboard.constraint;

import java.util.List;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A compiled constraint. Shared by all requests that ask for the same; what its matchers learn
 * about it is kept with it, in bounded memory. Matchers may run on any threads.
 */
public final class Constraint {
  private static final Logger LOG = LoggerFactory.getLogger(Constraint.class);

  /** Of what is learnt in following answers. */
  private static final long PATH_BYTES = 3 << 20;

  /** Of what is learnt in finding masks: some 300 over 128 thousand tokens and what leads there. */
  private static final long MASK_BYTES = 5 << 20;

  private final TokenVocabulary vocabulary;
  private final Executor finder;
  private final Configurations configurations;
  private final Masks masks;
  private final ElementWays elementWays;
  private final List<String> ignored;

  /**
   * @param ignored paths in the source of keywords and formats that say nothing
   * @param finder runs what finds a mask ahead of {@link Matcher#mask}
   */
  Constraint(
      Automaton automaton, List<String> ignored, TokenVocabulary vocabulary, Executor finder) {
    this.ignored = ignored;
    this.vocabulary = vocabulary;
    this.finder = finder;
    configurations = new Configurations(automaton, PATH_BYTES);
    elementWays = new ElementWays(configurations);
    masks = new Masks(automaton, vocabulary, MASK_BYTES);
  }

  /** Learns no more than this from now on: at its limit it forgets and begins anew. */
  void budget(long limitBytes) {
    long all = PATH_BYTES + MASK_BYTES;
    long limit = Math.min(all, limitBytes);
    configurations.budget(limit * PATH_BYTES / all);
    masks.budget(limit * MASK_BYTES / all);
  }

  /** Paths in its source of keywords and formats that are not known and so say nothing. */
  public List<String> ignored() {
    return ignored;
  }

  /** For a new answer. */
  public Matcher matcher() {
    return new Matcher(this);
  }

  /**
   * Whether a text is a whole answer, wherever its tokens begin and end. It is followed from its
   * start, so this is for an answer that was cut, not for each of its tokens.
   */
  public boolean isWhole(String text) {
    return matcher().endsWith(text);
  }

  /** 64-bit words of its masks. */
  public int maskWords() {
    return vocabulary.words();
  }

  TokenVocabulary vocabulary() {
    return vocabulary;
  }

  /** What finding its masks has cost, see {@link Masks#followed}. */
  long followed() {
    return masks.followed();
  }

  /** Memory of what was learnt, about. */
  long learntBytes() {
    return configurations.bytes() + masks.bytes();
  }

  /** Guarded by this constraint. */
  Configurations configurations() {
    return configurations;
  }

  /** Guarded by this constraint. */
  ElementWays elementWays() {
    return elementWays;
  }

  /**
   * Whether what follows is known, or cannot be; if not, finding it begins. Called under this
   * constraint's lock.
   */
  boolean isFound(Configuration configuration) {
    if (!configuration.sought && configuration.allowed == null) {
      configuration.sought = true;
      finder.execute(() -> find(configuration));
    }
    return configuration.allowed != null || configuration.unfindable;
  }

  private void find(Configuration configuration) {
    boolean found = false;
    try {
      after(configuration);
      found = true;
    } catch (ConstraintException tooAmbiguous) {
      LOG.debug("mask_not_found reason={}", tooAmbiguous.complaint());
    } finally {
      synchronized (this) {
        configuration.unfindable = !found;
      }
    }
  }

  /** Tokens that may follow, but for the end tokens; finds them where they are not known. */
  TokenSet after(Configuration configuration) {
    synchronized (this) {
      TokenSet known = configuration.allowed;
      if (known != null) {
        return known;
      }
    }
    TokenSet found = masks.after(configuration);
    synchronized (this) {
      TokenSet kept = configurations.intern(found);
      configuration.allowed = kept;
      return kept;
    }
  }
}

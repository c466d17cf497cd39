package dev.switchboard.constraint;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which tokens may follow a configuration.
 *
 * <p>Walking the whole vocabulary takes milliseconds where most of it is allowed, as inside a
 * string. Whether a token fits mostly depends on the innermost rule's state alone; so that is found
 * once per state, and the few tokens that leave the rule are walked again with the stack. The
 * result is kept with the configuration: in a long string, which stays in one, a mask is a copy.
 */
final class Masks {
  /** More states than this are walked at once instead: they are many short words, as of an enum. */
  private static final int MOST_STATES = 16;

  private final Automaton automaton;
  private final Configurations configurations;
  private final TokenVocabulary vocabulary;
  private final @Nullable StateMask[] byState;
  private final Map<TokenSet, TokenSet> sets = new HashMap<>();
  private final long[] found;
  private final Configuration[] path;
  private int generation;

  Masks(Automaton automaton, Configurations configurations, TokenVocabulary vocabulary) {
    this.automaton = automaton;
    this.configurations = configurations;
    this.vocabulary = vocabulary;
    byState = new StateMask[automaton.states];
    found = new long[vocabulary.words()];
    path = new Configuration[vocabulary.trie().deepest() + 1];
    generation = configurations.generation();
  }

  /** Tokens that may follow, but for the end tokens. */
  TokenSet after(Configuration configuration) {
    TokenSet known = configuration.allowed;
    if (known != null) {
      return known;
    }
    if (generation != configurations.generation()) {
      generation = configurations.generation();
      Arrays.fill(byState, null);
      sets.clear();
    }
    Arrays.fill(found, 0);
    if (!addByState(configuration)) {
      Arrays.fill(found, 0);
      walk(vocabulary.trie(), configuration);
    }
    TokenSet allowed = intern();
    configuration.allowed = allowed;
    return allowed;
  }

  /** What was found; equal sets are kept once, since most of a string's places have the same. */
  private TokenSet intern() {
    TokenSet set = TokenSet.of(found);
    TokenSet first = sets.putIfAbsent(set, set);
    if (first != null) {
      return first;
    }
    configurations.charge(set.bytes());
    return set;
  }

  private boolean addByState(Configuration configuration) {
    int states = configuration.states.length;
    if (states > MOST_STATES) {
      return false;
    }
    for (int i = 0; i < states; i++) {
      StateMask mask = mask(configuration.states[i]);
      if (configuration.frames[i].depth + mask.reach() > Configurations.DEPTH) {
        return false;
      }
      mask.allowed().addTo(found);
    }
    for (int i = 0; i < states; i++) {
      TokenTrie undecided = mask(configuration.states[i]).undecided();
      if (undecided != null) {
        walk(undecided, configuration);
      }
    }
    return true;
  }

  private StateMask mask(int anyState) {
    int state = automaton.alike[anyState];
    StateMask known = byState[state];
    if (known == null) {
      known = state < automaton.sharedStates ? vocabulary.sharedMask(state) : null;
      if (known == null) {
        long[] kept = found.clone();
        known = inside(state);
        System.arraycopy(kept, 0, found, 0, kept.length);
        configurations.charge(known.bytes());
      }
      byState[state] = known;
    }
    return known;
  }

  /** Adds the trie's tokens that may follow. */
  private void walk(TokenTrie trie, Configuration configuration) {
    path[0] = configuration;
    for (int node = 0; node < trie.nodes(); ) {
      int depth = trie.depth(node);
      Configuration next = configurations.next(path[depth], trie.symbol(node));
      if (next.isDead()) {
        node = trie.after(node);
        continue;
      }
      path[depth + 1] = next;
      for (int i = trie.firstToken(node); i < trie.endToken(node); i++) {
        int token = trie.token(i);
        found[token / Long.SIZE] |= 1L << token;
      }
      node++;
    }
  }

  /** Walks the whole vocabulary from a state without looking at who called its rule. */
  StateMask inside(int state) {
    return new InsideWalk().from(state);
  }

  private final class InsideWalk {
    private final TokenTrie trie = vocabulary.trie();
    private final TokenTrie.Builder undecided = new TokenTrie.Builder();
    private final int[] nodeAt = new int[trie.deepest() + 1];
    private final int[] copied = new int[trie.deepest() + 1];

    StateMask from(int state) {
      Arrays.fill(found, 0);
      Arrays.fill(copied, -1);
      // Below an ended rule a node's depth is that of its first ancestor at which the rule ended.
      int endedAt = Integer.MAX_VALUE;
      path[0] = configurations.inside(state);
      int reach = path[0].reach;
      for (int node = 0; node < trie.nodes(); ) {
        int depth = trie.depth(node);
        if (depth == Automaton.ALIKE_SYMBOLS) {
          copy(node);
          node = trie.after(node);
          continue;
        }
        endedAt = depth <= endedAt ? Integer.MAX_VALUE : endedAt;
        Configuration next = configurations.next(path[depth], trie.symbol(node));
        nodeAt[depth] = node;
        if (next.states.length == 0 && !next.returned) {
          if (endedAt < depth) {
            copy(node);
          }
          node = trie.after(node);
          continue;
        }
        reach = Math.max(reach, next.reach);
        endedAt = next.returned ? Math.min(endedAt, depth) : endedAt;
        path[depth + 1] = next;
        allow(node);
        node++;
      }
      return new StateMask(intern(), undecided.isEmpty() ? null : undecided.build(), reach);
    }

    private void allow(int node) {
      for (int i = trie.firstToken(node); i < trie.endToken(node); i++) {
        int token = trie.token(i);
        found[token / Long.SIZE] |= 1L << token;
      }
    }

    /** Takes over a node with everything below it, and the way to it where that is not there. */
    private void copy(int top) {
      for (int depth = 0; depth < trie.depth(top); depth++) {
        if (copied[depth] != nodeAt[depth]) {
          undecided.node(trie.symbol(nodeAt[depth]), depth);
          copied[depth] = nodeAt[depth];
        }
      }
      for (int node = top; node < trie.after(top); node++) {
        undecided.node(trie.symbol(node), trie.depth(node));
        for (int i = trie.firstToken(node); i < trie.endToken(node); i++) {
          undecided.token(trie.token(i));
        }
      }
      copied[trie.depth(top)] = top;
    }
  }
}

package dev.switchboard.constraint;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Which tokens may follow a configuration. Any thread, one at a time: it keeps configurations of
 * its own, so that whoever follows answers meanwhile need not wait.
 *
 * <p>Whether a token fits mostly depends on the innermost rule's state alone; so that is found once
 * per state by a walk of the vocabulary, and the few tokens that leave the rule are walked again
 * with the stack. The walk takes plain text whole wherever all of it may follow, and runs an
 * automaton whose counted repeats go in circles; asking for each token would take milliseconds.
 */
final class Masks {
  /** More states than this are walked at once instead: they are many short words, as of an enum. */
  private static final int MOST_STATES = 16;

  /** Steps for one configuration: tens of milliseconds. */
  private static final long MOST_WORK = 1_000_000;

  private final Automaton automaton;
  private final Configurations whole;
  private final Configurations inner;
  private final PlainSurvival survival;
  private final TokenVocabulary vocabulary;
  private final @Nullable StateMask[] byState;
  private final long[] found;
  private final Configuration[] path;
  private int generation;
  private int innerGeneration;

  /**
   * @param budgetBytes for all that is kept
   */
  Masks(Automaton automaton, TokenVocabulary vocabulary, long budgetBytes) {
    this.automaton = automaton;
    this.vocabulary = vocabulary;
    Automaton merged = automaton.withAlikeMerged();
    whole = new Configurations(automaton, budgetBytes / 2);
    inner = new Configurations(merged, budgetBytes / 2);
    survival = new PlainSurvival(merged, inner);
    byState = new StateMask[automaton.states];
    found = new long[vocabulary.words()];
    path = new Configuration[vocabulary.trie().deepest() + 1];
  }

  /** Memory of what is kept, about; any thread. */
  long bytes() {
    return whole.bytes() + inner.bytes();
  }

  /**
   * Tokens that may follow, but for the end tokens.
   *
   * @param configuration of any store
   */
  synchronized TokenSet after(Configuration configuration) {
    trim();
    whole.limitWork(MOST_WORK);
    inner.limitWork(MOST_WORK);
    Configuration own = whole.adopt(configuration);
    TokenSet known = own.allowed;
    if (known != null) {
      return known;
    }
    Arrays.fill(found, 0);
    if (!addByState(own)) {
      Arrays.fill(found, 0);
      walk(vocabulary.trie(), own);
    }
    TokenSet allowed = whole.intern(TokenSet.of(found));
    own.allowed = allowed;
    return allowed;
  }

  private void trim() {
    whole.trim();
    inner.trim();
    if (generation != whole.generation() || innerGeneration != inner.generation()) {
      generation = whole.generation();
      innerGeneration = inner.generation();
      Arrays.fill(byState, null);
    }
  }

  private boolean addByState(Configuration configuration) {
    int states = configuration.states.length;
    if (states > MOST_STATES) {
      return false;
    }
    StateMask[] masks = new StateMask[states];
    for (int i = 0; i < states; i++) {
      masks[i] = mask(configuration.states[i]);
      if (configuration.frames[i].depth + masks[i].reach() > Configurations.DEPTH) {
        return false;
      }
    }
    Arrays.fill(found, 0);
    for (StateMask mask : masks) {
      mask.allowed().addTo(found);
      TokenTrie undecided = mask.undecided();
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
        known = inside(state);
        inner.charge(known.bytes());
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
      Configuration next = whole.next(path[depth], trie.symbol(node));
      if (next.isDead()) {
        node = trie.after(node);
        continue;
      }
      path[depth + 1] = next;
      trie.addTo(found, trie.firstToken(node), trie.endToken(node));
      node++;
    }
  }

  /** Walks the whole vocabulary from a state without looking at who called its rule. */
  StateMask inside(int state) {
    return new InsideWalk().from(state);
  }

  private final class InsideWalk {
    private final TokenTrie trie = vocabulary.trie();
    private final PlainText plain = vocabulary.plain();
    private final TokenTrie.Builder undecided = new TokenTrie.Builder();
    private final int[] nodeAt = new int[trie.deepest() + 1];
    private final int[] copied = new int[trie.deepest() + 1];
    private int reach;

    /** Tokens that are still to be added: what is next to each other is added at once. */
    private int addBegin;

    private int addEnd;

    StateMask from(int state) {
      Arrays.fill(found, 0);
      Arrays.fill(copied, -1);
      // Below an ended rule a node's depth is that of its first ancestor at which the rule ended.
      int endedAt = Integer.MAX_VALUE;
      path[0] = inner.inside(state);
      reach = path[0].reach;
      for (int node = 0; node < trie.nodes(); ) {
        int depth = trie.depth(node);
        if (depth == Automaton.ALIKE_SYMBOLS) {
          copy(node);
          node = trie.after(node);
          continue;
        }
        endedAt = depth <= endedAt ? Integer.MAX_VALUE : endedAt;
        Configuration next = inner.next(path[depth], trie.symbol(node));
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
        add(trie.firstToken(node), trie.endToken(node));
        boolean whole = takeBelow(node, next, endedAt > depth);
        node = whole ? trie.after(node) : node + 1;
      }
      trie.addTo(found, addBegin, addEnd);
      TokenSet allowed = inner.intern(TokenSet.of(found));
      return new StateMask(allowed, undecided.isEmpty() ? null : undecided.build(), reach);
    }

    /**
     * Takes what is below the node at once, where it is plain text of which all may follow without
     * ending the rule, or all that is short and nothing longer.
     *
     * @param open whether the rule has not ended on the way to the node
     */
    private boolean takeBelow(int node, Configuration next, boolean open) {
      if (!plain.isPlainBelow(node)) {
        return false;
      }
      Configuration.Survival survives = survival.of(next, plain.place(node), plain.kind(node));
      int height = Math.min(plain.height(node), survives.symbols() + 1);
      boolean all = survives.symbols() >= plain.height(node);
      boolean known = trie.depth(node) + height < Automaton.ALIKE_SYMBOLS;
      if (!known || !(all || (open && survives.ends()))) {
        return false;
      }
      reach = Math.max(reach, survives.reach());
      if (all) {
        add(trie.endToken(node), trie.endBelow(node));
      } else {
        addShort(node, survives.symbols());
      }
      return true;
    }

    /** Adds what is at most so many symbols below the node. */
    private void addShort(int node, int symbols) {
      int deepest = trie.depth(node) + symbols;
      for (int below = node + 1; below < trie.after(node); ) {
        boolean near = trie.depth(below) <= deepest;
        if (near) {
          add(trie.firstToken(below), trie.endToken(below));
        }
        below = near ? below + 1 : trie.after(below);
      }
    }

    private void add(int begin, int end) {
      if (begin != addEnd) {
        trie.addTo(found, addBegin, addEnd);
        addBegin = begin;
      }
      addEnd = end;
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

package dev.switchboard.constraint;

import dev.switchboard.tokenizer.IntList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which tokens may follow a configuration. Any thread, one at a time: it keeps configurations of
 * its own, so that whoever follows answers meanwhile need not wait.
 *
 * <p>Whether a token fits mostly depends on the innermost rule's state alone; so that is found once
 * per state by a walk of the vocabulary, and the few tokens that leave the rule are walked again
 * with the stack. The walk takes plain text whole wherever all of it may follow; asking for each
 * token would take milliseconds. Where a state was walked from that no short text tells from this
 * one, as of the places of a name that may have so many characters, the short tokens are those of
 * that one and only longer ones are walked.
 *
 * <p>All this runs an automaton whose counted repeats go in circles, for as long as no token of
 * {@link Automaton#ALIKE_SYMBOLS} symbols could use up what remains. So most counts of a repeat are
 * one configuration there and share its mask. Tokens that are longer are few, and are asked of one
 * with wider circles.
 */
final class Masks {
  /** More states than this are walked at once instead: they are many short words, as of an enum. */
  private static final int MOST_STATES = 16;

  /** Steps for one configuration: tens of milliseconds. */
  private static final long MOST_WORK = 1_000_000;

  /** Of those that are alike to the last one nothing is told apart here. */
  private static final int LEVELS = Automaton.ALIKE.length - 1;

  private static final int WALKED_BYTES = 64;
  private static final int[] NOTHING = {};

  private final Automaton automaton;
  private final Configurations whole;
  private final Configurations inner;
  private final PlainSurvival survival;
  private final TokenVocabulary vocabulary;
  private final @Nullable StateMask[] byState;

  /** Of states with a count, by id. */
  private final Map<Integer, StateMask> byCount = new HashMap<>();

  /**
   * By level of {@link Automaton#ALIKE}: one that was walked, of all that such texts take alike.
   */
  private final List<Map<Integer, StateMask>> walked;

  private final long[] found;
  private final Configuration[] path;
  private int generation;

  /**
   * @param budgetBytes for all that is kept
   */
  Masks(Automaton automaton, TokenVocabulary vocabulary, long budgetBytes) {
    this.automaton = automaton;
    this.vocabulary = vocabulary;
    Automaton merged = automaton.withAlikeMerged();
    whole = new Configurations(automaton.withAlikeToAllMerged(), budgetBytes / 2);
    inner = new Configurations(merged, budgetBytes / 2);
    survival = new PlainSurvival(merged, inner);
    byState = new StateMask[automaton.states];
    walked = Stream.<Map<Integer, StateMask>>generate(HashMap::new).limit(LEVELS).toList();
    found = new long[vocabulary.words()];
    path = new Configuration[vocabulary.longestToken() + 1];
  }

  /** Keeps no more than this from now on. On any thread. */
  void budget(long limitBytes) {
    whole.budget(limitBytes / 2);
    inner.budget(limitBytes / 2);
  }

  /** Memory of what is kept, about; any thread. */
  long bytes() {
    return whole.bytes() + inner.bytes();
  }

  /** Symbols of the vocabulary that were followed to find masks. */
  synchronized long followed() {
    return whole.followed() + inner.followed();
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
    TokenSet allowed = shortAfter(inner.adopt(configuration));
    Arrays.fill(found, 0);
    path[0] = own;
    if (walk(vocabulary.longTrie(), 0, vocabulary.longTrie().nodes(), whole)) {
      allowed.addTo(found);
      allowed = TokenSet.of(found);
    }
    allowed = whole.intern(allowed);
    own.allowed = allowed;
    return allowed;
  }

  /** Tokens of at most {@link Automaton#ALIKE_SYMBOLS} symbols. */
  private TokenSet shortAfter(Configuration configuration) {
    TokenSet known = configuration.allowed;
    if (known == null) {
      if (!addByState(configuration)) {
        Arrays.fill(found, 0);
        path[0] = configuration;
        walk(vocabulary.trie(), 0, vocabulary.trie().nodes(), inner);
      }
      known = inner.intern(TokenSet.of(found));
      configuration.allowed = known;
    }
    return known;
  }

  private void trim() {
    whole.trim();
    inner.trim();
    if (generation != inner.generation()) {
      generation = inner.generation();
      Arrays.fill(byState, null);
      byCount.clear();
      walked.forEach(Map::clear);
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
      walkUndecided(mask.undecided(), configuration);
    }
    return true;
  }

  private StateMask mask(int id) {
    boolean counts = id >= automaton.states;
    StateMask known = counts ? byCount.get(id) : byState[id];
    if (known == null) {
      known = id < automaton.sharedStates ? vocabulary.sharedMask(id) : null;
      if (known == null) {
        known = insideLike(id);
        inner.charge(known.bytes());
      }
      if (counts) {
        byCount.put(id, known);
      } else {
        byState[id] = known;
      }
    }
    return known;
  }

  /** Walks from a state for what is not known of one that is alike, and is it for others. */
  private StateMask insideLike(int id) {
    StateMask alike = null;
    int level = LEVELS;
    while (alike == null && level > 0) {
      level--;
      alike = walked.get(level).get(inner.automaton().standIn(id, level));
    }
    StateMask mask = new InsideWalk(alike, level).from(id);
    for (int each = 0; each < LEVELS; each++) {
      if (walked.get(each).putIfAbsent(inner.automaton().standIn(id, each), mask) == null) {
        inner.charge(WALKED_BYTES);
      }
    }
    return mask;
  }

  /** Adds of the tokens that one state leaves open those that may follow. */
  private void walkUndecided(int[] undecided, Configuration configuration) {
    TokenTrie trie = vocabulary.trie();
    path[0] = configuration;
    int afterDead = 0;
    for (int entry : undecided) {
      int node = nodeOf(entry);
      if (node < afterDead) {
        continue;
      }
      if (entry < 0) {
        walk(trie, node, trie.after(node), inner);
        continue;
      }
      Configuration next = inner.next(path[trie.depth(node)], trie.symbol(node));
      path[trie.depth(node) + 1] = next;
      afterDead = next.isDead() ? trie.after(node) : afterDead;
    }
  }

  /** Of an entry of {@link StateMask#undecided}. */
  private static int nodeOf(int entry) {
    return entry < 0 ? ~entry : entry;
  }

  /**
   * Adds the trie's tokens that may follow, of nodes with all that is below them, where {@link
   * #path} leads to the first; says whether there are any.
   */
  private boolean walk(TokenTrie trie, int begin, int end, Configurations store) {
    boolean any = false;
    for (int node = begin; node < end; ) {
      int depth = trie.depth(node);
      Configuration next = store.next(path[depth], trie.symbol(node));
      if (next.isDead()) {
        node = trie.after(node);
        continue;
      }
      path[depth + 1] = next;
      any |= trie.firstToken(node) < trie.endToken(node);
      trie.addTo(found, trie.firstToken(node), trie.endToken(node));
      node++;
    }
    return any;
  }

  /** Walks the whole vocabulary from a state without looking at who called its rule. */
  StateMask inside(int id) {
    return new InsideWalk(null, 0).from(id);
  }

  private final class InsideWalk {
    private final TokenTrie trie = vocabulary.trie();
    private final PlainText plain = vocabulary.plain();
    private final IntList undecided = new IntList();
    private final int[] nodeAt = new int[trie.deepest() + 1];
    private final int[] listed = new int[trie.deepest() + 1];
    private int reach;

    /** Tokens that are still to be added: what is next to each other is added at once. */
    private int addBegin;

    private int addEnd;

    /** Of a state that tokens up to {@link #agreed} symbols do not tell from this one, if any. */
    private final @Nullable StateMask alike;

    private final int level;
    private final int agreed;

    /** What that one leaves open, and where in it this walk is. */
    private final int[] leftOpen;

    private int inOpen;

    InsideWalk(@Nullable StateMask alike, int level) {
      this.alike = alike;
      this.level = level;
      agreed = alike == null ? 0 : Automaton.ALIKE[level];
      leftOpen = alike == null ? NOTHING : alike.undecided();
    }

    StateMask from(int id) {
      Arrays.fill(found, 0);
      Arrays.fill(listed, -1);
      path[0] = inner.inside(id);
      reach = path[0].reach;
      if (alike != null) {
        alike.allowed().addTo(found);
        trie.keepShort(found, level);
        reach = Math.max(reach, alike.reach());
      }
      for (int kind = 0; kind < PlainText.KINDS; kind++) {
        if (plain.longest(kind) > 0 && !takeKind(kind)) {
          walk(plain.begin(kind), plain.begin(kind + 1));
        }
      }
      walk(plain.begin(PlainText.KINDS), trie.nodes());
      trie.addTo(found, addBegin, addEnd);
      TokenSet allowed = inner.intern(TokenSet.of(found));
      return new StateMask(allowed, undecided.toArray(), reach);
    }

    /** Takes all tokens of a kind at once, or all that are short and none longer. */
    private boolean takeKind(int kind) {
      Configuration.Survival survives = survival.of(path[0], kind);
      if (survives.characters() < plain.longest(kind) && !survives.ends()) {
        return false;
      }
      reach = Math.max(reach, survives.reach());
      plain.addTo(found, kind, survives.characters());
      return true;
    }

    private void walk(int begin, int end) {
      // Below an ended rule a node's depth is that of its first ancestor at which the rule ended.
      int endedAt = Integer.MAX_VALUE;
      for (int node = begin; node < end; ) {
        int depth = trie.depth(node);
        endedAt = depth <= endedAt ? Integer.MAX_VALUE : endedAt;
        if (trie.longest(node) <= agreed) {
          leaveOpenAlike(node);
          node = trie.after(node);
          continue;
        }
        Configuration next = inner.next(path[depth], trie.symbol(node));
        nodeAt[depth] = node;
        if (next.states.length == 0 && !next.returned) {
          if (endedAt < depth) {
            leaveOpen(node);
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
      Configuration.Survival survives = survival.of(next, plain.kind(node));
      boolean all = survives.characters() >= plain.height(node);
      if (!all && !(open && survives.ends())) {
        return false;
      }
      reach = Math.max(reach, survives.reach());
      if (all) {
        add(trie.endToken(node), trie.endBelow(node));
      } else {
        addShort(node, plain.characters(node) + survives.characters());
      }
      return true;
    }

    /** Adds what is below the node and has at most so many characters. */
    private void addShort(int node, int most) {
      for (int below = node + 1; below < trie.after(node); ) {
        boolean near = plain.characters(below) <= most;
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

    /** Lists of a node and what is below it what the state that is alike leaves open. */
    private void leaveOpenAlike(int top) {
      while (inOpen < leftOpen.length && nodeOf(leftOpen[inOpen]) < top) {
        inOpen++;
      }
      if (inOpen < leftOpen.length && nodeOf(leftOpen[inOpen]) < trie.after(top)) {
        listWay(top);
      }
      for (; inOpen < leftOpen.length && nodeOf(leftOpen[inOpen]) < trie.after(top); inOpen++) {
        undecided.add(leftOpen[inOpen]);
      }
    }

    /** Lists a node with everything below it, and the way to it where that is not listed. */
    private void leaveOpen(int top) {
      listWay(top);
      undecided.add(~top);
    }

    private void listWay(int top) {
      for (int depth = 0; depth < trie.depth(top); depth++) {
        if (listed[depth] != nodeAt[depth]) {
          undecided.add(nodeAt[depth]);
          listed[depth] = nodeAt[depth];
        }
      }
    }
  }
}

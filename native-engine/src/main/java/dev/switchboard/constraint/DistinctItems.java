package dev.switchboard.constraint;

import dev.switchboard.constraint.ElementWays.Place;
import dev.switchboard.tokenizer.IntList;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one answer's arrays without an element twice, where its automaton says so; by one thread,
 * under its constraint's lock.
 *
 * <p>No automaton can know which elements there were. So the answer's text is followed from where
 * such an array opens to where it closes, and what would make an element one that was there before
 * is taken out of the mask. {@link DistinctForm} sees to it that equal elements have equal texts.
 *
 * <p>An element may also come to where all that it can still become was there before. Whatever
 * leads there is taken out as well: how many elements a configuration can lead to is counted, up to
 * more than can be remembered. Arrays inside are then counted as if they could have an element
 * twice, so an answer may come to a dead end where sets of small sets are nearly exhausted.
 *
 * <p>What can be remembered is bounded: then no further element may follow.
 */
final class DistinctItems {
  /** Symbols of all elements that are told apart, in arrays that are open: about 3 MiB. */
  private static final int MOST_KEPT = 1 << 16;

  private static final int NARROW_BYTES = 16;

  private final Constraint constraint;
  private final Automaton automaton;
  private final TokenVocabulary vocabulary;
  private final Run run = new Run();
  private final ElementWays ways;
  private long[] mask = {};

  private DistinctItems(Constraint constraint, Automaton automaton) {
    this.constraint = constraint;
    this.automaton = automaton;
    vocabulary = constraint.vocabulary();
    ways = constraint.elementWays();
  }

  /** For a new answer; null where no array is kept so. */
  static @Nullable DistinctItems of(Constraint constraint) {
    Automaton automaton = constraint.configurations().automaton();
    return automaton.opensDistinct == null ? null : new DistinctItems(constraint, automaton);
  }

  /** Takes symbols that lead on from a configuration; all of them or none. */
  boolean take(char[] symbols, int from, int to, Configuration start) {
    if (!fits(symbols, from, to, start)) {
      return false;
    }
    follow(run, symbols, from, to, start);
    return true;
  }

  private boolean fits(char[] symbols, int from, int to, Configuration start) {
    Run trial = run.trial();
    Configuration end = follow(trial, symbols, from, to, start);
    return end != null && (end.isDead() || trial.canEnd(end));
  }

  /** Where the symbols lead; null where an element comes twice. */
  private @Nullable Configuration follow(
      Run along, char[] symbols, int from, int to, Configuration start) {
    Configuration at = start;
    for (int i = from; i < to; i++) {
      if (!along.take(symbols[i], at)) {
        return null;
      }
      at = constraint.configurations().next(at, symbols[i]);
    }
    return at;
  }

  /**
   * Takes what does not fit out of a mask.
   *
   * @param following the tokens in it, which may follow the configuration
   */
  void restrict(long[] allowed, TokenSet following, Configuration configuration) {
    mask = allowed;
    run.restrict(configuration);
    Separators separators = vocabulary.separators();
    if (run.open.isEmpty()) {
      for (int token : separators.opening()) {
        removeUnlessFits(token, configuration);
      }
    } else {
      boolean text = (run.scan & JsonScan.STRING) != 0;
      restrict(text ? separators.insideString() : separators.outside(), following, configuration);
    }
  }

  private void restrict(Separators.Some some, TokenSet following, Configuration configuration) {
    boolean plain =
        (run.scan & JsonScan.ESCAPED) == 0 && run.kept() + vocabulary.longestToken() < MOST_KEPT;
    if (plain && run.open.getLast().isDistinct) {
      for (int token : narrow(some, following, configuration)) {
        removeUnlessFits(token, configuration);
      }
      return;
    }
    for (int i = 0; i < some.tokens().length; i++) {
      // Inside of an element that goes on nothing begins.
      if (!(plain && some.scans()[i] >= 0)) {
        removeUnlessFits(some.tokens()[i], configuration);
      }
    }
  }

  /**
   * Tokens that may follow but for those that end one element and begin at most one other that any
   * number can come of: nearly always these are all. Whether the answer is inside a string, and so
   * which tokens are asked of, goes with the configuration.
   */
  private int[] narrow(Separators.Some some, TokenSet following, Configuration from) {
    int[] known = from.narrow;
    if (known == null) {
      IntList found = new IntList();
      for (int i = 0; i < some.tokens().length; i++) {
        int token = some.tokens()[i];
        if (following.has(token) && !(some.scans()[i] >= 0 && isWide(some, i, from))) {
          found.add(token);
        }
      }
      known = found.toArray();
      from.narrow = known;
      constraint.configurations().charge(NARROW_BYTES + Integer.BYTES * known.length);
    }
    return known;
  }

  /** Whether any number of elements can come of the one that a token begins. */
  private boolean isWide(Separators.Some some, int index, Configuration from) {
    int token = some.tokens()[index];
    Configuration at = from;
    for (int i = 0; i < vocabulary.length(token); i++) {
      at = constraint.configurations().next(at, vocabulary.symbol(token, i));
    }
    Place place = new Place(at, some.scans()[index], some.begins()[index]);
    return ways.from(place) == ElementWays.WIDE;
  }

  private boolean isAllowed(int token) {
    return (mask[token / Long.SIZE] >>> token & 1) != 0;
  }

  private void removeUnlessFits(int token, Configuration configuration) {
    if (isAllowed(token) && !fits(token, configuration)) {
      mask[token / Long.SIZE] &= ~(1L << token);
    }
  }

  private boolean fits(int token, Configuration configuration) {
    int from = vocabulary.start(token);
    return fits(vocabulary.pool(), from, from + vocabulary.length(token), configuration);
  }

  // ---- where the answer is ---------------------------------------------------------------------

  /** A bracket that is open. */
  private static final class Level {
    final boolean isDistinct;
    final SeenTexts seen;

    /** Of a trial: the one it began as. */
    private final @Nullable Level before;

    /** Of a trial: elements that ended in it. */
    private final List<String> added = new ArrayList<>();

    /** What was read of the element; of a trial what it read. */
    private final StringBuilder own = new StringBuilder();

    int at = SeenTexts.ROOT;
    boolean begun;
    boolean ended;
    private boolean isAnother;
    private int addedSymbols;

    Level(boolean isDistinct) {
      this.isDistinct = isDistinct;
      before = null;
      seen = new SeenTexts();
    }

    Level(Level before) {
      this.before = before;
      isDistinct = before.isDistinct;
      seen = before.seen;
      at = before.at;
      begun = before.begun;
      ended = before.ended;
    }

    private String text() {
      return before == null || isAnother ? own.toString() : before.own.toString() + own;
    }

    void read(int symbol) {
      begun = true;
      own.append((char) symbol);
      at = seen.child(at, symbol);
    }

    /** Whether the element as it is was there before. */
    boolean isRepeated() {
      return begun && (seen.ends(at) || (!added.isEmpty() && added.contains(text())));
    }

    /** Of a trial: how the elements that ended in it go on that begin as this one. */
    private List<String> addedAlike() {
      if (added.isEmpty()) {
        return List.of();
      }
      String text = text();
      return added.stream()
          .filter(each -> each.startsWith(text))
          .map(each -> each.substring(text.length()))
          .toList();
    }

    /** What there is to remember with the element as it is. */
    int kept() {
      int begunWith = before == null || isAnother ? 0 : before.own.length();
      return seen.size() + addedSymbols + begunWith + own.length();
    }

    /** The next element is another one. */
    void next(boolean isTrial) {
      if (isTrial) {
        added.add(text());
        addedSymbols += added.getLast().length();
      } else {
        seen.add(own);
      }
      own.setLength(0);
      isAnother = true;
      at = SeenTexts.ROOT;
      begun = false;
      ended = false;
    }
  }

  /** The answer, or a trial of how it may go on. */
  private final class Run {
    private final List<Level> open = new ArrayList<>();
    private final boolean isTrial;
    private int scan;

    Run() {
      isTrial = false;
    }

    private Run(Run before) {
      isTrial = true;
      scan = before.scan;
      before.open.forEach(level -> open.add(new Level(level)));
    }

    Run trial() {
      return new Run(this);
    }

    /** Takes a symbol; false where it ends an element that was there before. */
    boolean take(int symbol, Configuration before) {
      boolean text = (scan & JsonScan.STRING) != 0;
      boolean fits = open.isEmpty() || readByLevels(symbol, text);
      boolean opens = !text && (symbol == '[' || symbol == '{');
      if (opens) {
        boolean isDistinct = symbol == '[' && automaton.opensDistinct(before);
        if (isDistinct || !open.isEmpty()) {
          open.add(new Level(isDistinct));
        }
      }
      scan =
          open.isEmpty() ? 0 : JsonScan.next(scan, symbol) & (JsonScan.STRING | JsonScan.ESCAPED);
      return fits;
    }

    private boolean readByLevels(int symbol, boolean text) {
      Level inner = open.getLast();
      boolean fits = true;
      if (!text && (symbol == ']' || symbol == '}')) {
        fits = !(inner.isDistinct && inner.isRepeated());
        open.removeLast();
      } else if (inner.isDistinct) {
        fits = readInside(inner, symbol, text);
      }
      for (Level level : open) {
        if (level.isDistinct && level != inner) {
          level.read(symbol);
        }
      }
      return fits;
    }

    private boolean readInside(Level inner, int symbol, boolean text) {
      if (text || !JsonScan.endsElement(0, symbol)) {
        inner.read(symbol);
        return true;
      }
      boolean fits = !inner.isRepeated();
      if (symbol == ',') {
        fits &= kept() <= MOST_KEPT;
        inner.next(isTrial);
      } else {
        inner.ended |= inner.begun;
      }
      return fits;
    }

    /** What there is to remember with the elements as they are. */
    int kept() {
      int kept = 0;
      for (Level level : open) {
        kept += level.kept();
      }
      return kept;
    }

    private int scanOf(int level) {
      return scan + JsonScan.DEEPER * (open.size() - 1 - level);
    }

    /** Whether each element can become one that was not there before. */
    boolean canEnd(Configuration at) {
      boolean can = true;
      for (int i = 0; i < open.size() && can; i++) {
        Level level = open.get(i);
        can =
            !level.isDistinct
                || level.ended
                || leadsOn(
                    new Place(at, scanOf(i), level.begun),
                    level.seen,
                    level.at,
                    level.addedAlike());
      }
      return can;
    }

    void restrict(Configuration at) {
      for (int i = 0; i < open.size(); i++) {
        Level level = open.get(i);
        if (level.isDistinct && !level.ended && level.seen.count(level.at) > 0) {
          for (TokenTrie trie : List.of(vocabulary.trie(), vocabulary.longTrie())) {
            Place place = new Place(at, scanOf(i), level.begun);
            walk(trie, 0, trie.nodes(), level.seen, level.at, place);
          }
        }
      }
    }
  }

  // ---- what would come twice -------------------------------------------------------------------

  /** Follows tokens for as long as the element is one that was there before. */
  private void walk(TokenTrie trie, int begin, int end, SeenTexts seen, int node, Place place) {
    for (int child = begin; child < end; child = trie.after(child)) {
      int symbol = trie.symbol(child);
      boolean ends = JsonScan.endsElement(place.scan(), symbol);
      if (ends && place.begun()) {
        if (seen.ends(node)) {
          remove(trie, child);
        }
        continue;
      }
      int next = ends ? node : seen.child(node, symbol);
      if (next == SeenTexts.NONE) {
        continue;
      }
      Configuration at = constraint.configurations().next(place.at(), symbol);
      if (!at.isDead()) {
        Place behind = new Place(at, JsonScan.next(place.scan(), symbol), !ends);
        if (leadsOn(behind, seen, next, List.of())) {
          walk(trie, child + 1, trie.after(child), seen, next, behind);
        } else {
          remove(trie, child);
        }
      }
    }
  }

  private void remove(TokenTrie trie, int node) {
    for (int i = trie.firstToken(node); i < trie.endBelow(node); i++) {
      int token = trie.token(i);
      mask[token / Long.SIZE] &= ~(1L << token);
    }
  }

  /**
   * Whether there is an element from there on that was not there before.
   *
   * @param node what was read of it
   * @param added how some that were there go on, beside those seen
   */
  private boolean leadsOn(Place place, SeenTexts seen, int node, List<String> added) {
    int alike = seen.count(node) + added.size();
    if (alike == 0) {
      return true;
    }
    int most = ways.from(place);
    // What was there may be none of those that can come here.
    return most > alike || most > repeated(place, seen, node) + ending(place, added);
  }

  private long ending(Place place, List<String> ends) {
    return ends.stream().filter(end -> ends(place, end)).count();
  }

  private record Seen(Place place, int node) {}

  /** How many of the elements from there were there before. */
  private int repeated(Place from, SeenTexts seen, int node) {
    int found = 0;
    ArrayDeque<Seen> open = new ArrayDeque<>(List.of(new Seen(from, node)));
    while (!open.isEmpty()) {
      Seen at = open.removeLast();
      found += seen.ends(at.node) && ways.canEnd(at.place) ? 1 : 0;
      int child = seen.anyChild(at.node);
      for (; child != SeenTexts.NONE; child = seen.another(child)) {
        int symbol = seen.symbol(child);
        Configuration next = constraint.configurations().next(at.place.at(), symbol);
        if (!next.isDead()) {
          open.add(new Seen(new Place(next, JsonScan.next(at.place.scan(), symbol), true), child));
        }
      }
    }
    return found;
  }

  private boolean ends(Place place, String end) {
    Place at = place;
    for (int i = 0; i < end.length(); i++) {
      int symbol = end.charAt(i);
      Configuration next = constraint.configurations().next(at.at(), symbol);
      at = new Place(next, JsonScan.next(at.scan(), symbol), true);
    }
    return ways.canEnd(at);
  }
}

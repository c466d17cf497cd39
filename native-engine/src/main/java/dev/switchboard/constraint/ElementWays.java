package dev.switchboard.constraint;

import dev.switchboard.tokenizer.IntList;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How many elements an array's next one may become, from wherever its text has come to: exact where
 * they are few. For all answers under a constraint, under its lock.
 *
 * <p>A search goes down from a place, of the symbols that most are alike to first. It is over as
 * soon as it has passed enough symbols that could have been others, or comes to a place with many
 * ways, or to one on its own way: where many may follow, that is a few symbols on.
 */
final class ElementWays {
  /** So many are as good as any number: more elements are not told apart. */
  static final int WIDE = 1 << 16;

  /** Symbols that are followed to count them, of those alike one; after that there are many. */
  private static final int MOST_TRIED = 1 << 14;

  private static final int MOST_KNOWN = 4096;

  /** What an element's text is read by: see {@link JsonScan}. */
  private static final String READ = "\"\\[{]}, ";

  /**
   * Where the text of an element is.
   *
   * @param scan in JSON, from the beginning of the element
   * @param begun whether something was read of it
   */
  record Place(Configuration at, int scan, boolean begun) {}

  /**
   * Symbols that all lead to one place, wherever they may come.
   *
   * @param symbol one of them
   */
  private record Alike(int symbol, int count) {}

  private final Configurations configurations;
  private final List<Alike> symbols;
  private final Map<Place, Integer> known = new HashMap<>();
  private int generation;

  ElementWays(Configurations configurations) {
    this.configurations = configurations;
    symbols = alike(configurations.automaton());
  }

  private static List<Alike> alike(Automaton automaton) {
    Map<List<Integer>, IntList> found = new HashMap<>();
    for (int symbol = 0; symbol < Expression.CONTROL; symbol++) {
      int read = READ.indexOf(JsonScan.isSpace(symbol) ? ' ' : symbol);
      found
          .computeIfAbsent(List.of(automaton.classOf[symbol], read), key -> new IntList())
          .add(symbol);
    }
    return found.values().stream()
        .map(same -> new Alike(same.get(0), same.size()))
        .sorted(Comparator.comparingInt(Alike::count).reversed().thenComparingInt(Alike::symbol))
        .toList();
  }

  int from(Place place) {
    if (known.size() >= MOST_KNOWN || generation != configurations.generation()) {
      known.clear();
      generation = configurations.generation();
    }
    Integer found = known.get(place);
    return found == null ? new Search().from(place) : found;
  }

  /** A place on a search's way. */
  private static final class Step {
    final Place place;

    /** How many texts lead there from the search's first place along this way. */
    final int texts;

    /** How many elements were found to come of it so far. */
    int found;

    /** Which of the symbols is next. */
    int next;

    Step(Place place, int texts, boolean canEnd) {
      this.place = place;
      this.texts = texts;
      found = canEnd ? 1 : 0;
    }

    /** Says whether many come of the search's first place. */
    boolean adds(int elements) {
      found += elements;
      return (long) texts * found >= WIDE;
    }
  }

  private final class Search {
    private final ArrayDeque<Step> way = new ArrayDeque<>();
    private final Set<Place> onWay = new HashSet<>();
    private int tried;

    int from(Place first) {
      go(first, 1);
      boolean many = false;
      while (!many && !way.isEmpty()) {
        Step last = way.getLast();
        many = last.next < symbols.size() ? follows(last, symbols.get(last.next++)) : returns();
      }
      return known.merge(first, many ? WIDE : 0, Math::max);
    }

    private void go(Place place, int texts) {
      way.add(new Step(place, texts, canEnd(place)));
      onWay.add(place);
    }

    /** Follows symbols; says whether many elements are known to follow the first place. */
    private boolean follows(Step from, Alike alike) {
      int scan = from.place.scan;
      if (JsonScan.endsElement(scan, alike.symbol)
          || !configurations.reads(from.place.at, alike.symbol)) {
        return false;
      }
      Configuration next = configurations.next(from.place.at, alike.symbol);
      if (++tried > MOST_TRIED || next.isDead()) {
        return tried > MOST_TRIED;
      }
      Place place = new Place(next, JsonScan.next(scan, alike.symbol), true);
      Integer ways = known.get(place);
      if (ways != null) {
        return from.adds(alike.count * ways);
      }
      int texts = from.texts * alike.count;
      if (texts >= WIDE || onWay.contains(place)) {
        return true;
      }
      go(place, texts);
      return false;
    }

    /** Goes back from where all is counted; says the same. */
    private boolean returns() {
      Step done = way.removeLast();
      onWay.remove(done.place);
      known.put(done.place, done.found);
      Step before = way.peekLast();
      return before != null && before.adds(symbols.get(before.next - 1).count * done.found);
    }
  }

  /** Whether the element may end there. */
  boolean canEnd(Place place) {
    boolean can = false;
    for (int i = 0; i < 3 && place.begun && place.scan == 0; i++) {
      can |= !configurations.next(place.at, ",] ".charAt(i)).isDead();
    }
    return can;
  }
}

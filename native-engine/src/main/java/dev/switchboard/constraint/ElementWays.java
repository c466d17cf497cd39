package dev.switchboard.constraint;

import java.util.HashMap;
import java.util.Map;

/**
 * How many elements an array's next one may become, from wherever its text has come to: exact where
 * they are few. For all answers under a constraint, under its lock.
 */
final class ElementWays {
  /** So many are as good as any number: more elements are not told apart. */
  static final int WIDE = 1 << 16;

  /** Symbols that are tried to count them; after that there are taken to be many. */
  private static final int MOST_TRIED = 1 << 16;

  private static final int MOST_KNOWN = 4096;

  /**
   * Where the text of an element is.
   *
   * @param scan in JSON, from the beginning of the element
   * @param begun whether something was read of it
   */
  record Place(Configuration at, int scan, boolean begun) {}

  private final Configurations configurations;
  private final Map<Place, Integer> known = new HashMap<>();
  private int generation;

  ElementWays(Configurations configurations) {
    this.configurations = configurations;
  }

  int from(Place place) {
    if (known.size() == MOST_KNOWN || generation != configurations.generation()) {
      known.clear();
      generation = configurations.generation();
    }
    Integer found = known.get(place);
    if (found == null) {
      found = count(place);
      known.put(place, found);
    }
    return found;
  }

  /** Counts by length: texts of one length that lead to one place go on together. */
  private int count(Place from) {
    Map<Place, Integer> open = Map.of(from, 1);
    int ended = 0;
    int tried = 0;
    while (!open.isEmpty()) {
      Map<Place, Integer> longer = new HashMap<>();
      int more = 0;
      for (Map.Entry<Place, Integer> entry : open.entrySet()) {
        ended += canEnd(entry.getKey()) ? entry.getValue() : 0;
        more += goOn(entry.getKey(), entry.getValue(), longer);
        tried += Expression.CONTROL;
        if (ended + more >= WIDE || tried > MOST_TRIED) {
          return WIDE;
        }
      }
      open = longer;
    }
    return ended;
  }

  /** Symbols that follow each other mostly lead to one place. */
  private int goOn(Place place, int ways, Map<Place, Integer> longer) {
    int more = 0;
    Configuration before = Configuration.DEAD;
    int scanBefore = 0;
    int same = 0;
    for (int symbol = 0; symbol <= Expression.CONTROL && more < WIDE; symbol++) {
      boolean ends = symbol == Expression.CONTROL || JsonScan.endsElement(place.scan, symbol);
      Configuration next = ends ? Configuration.DEAD : configurations.next(place.at, symbol);
      int scan = JsonScan.next(place.scan, symbol);
      if (!next.equals(before) || scan != scanBefore) {
        add(before, scanBefore, same, longer);
        same = 0;
      }
      before = next;
      scanBefore = scan;
      same += ways;
      more += next.isDead() ? 0 : ways;
    }
    add(before, scanBefore, same, longer);
    return more;
  }

  private static void add(Configuration at, int scan, int ways, Map<Place, Integer> to) {
    if (!at.isDead() && ways > 0) {
      to.merge(new Place(at, scan, true), ways, Integer::sum);
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

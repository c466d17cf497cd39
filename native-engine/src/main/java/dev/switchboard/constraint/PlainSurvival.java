package dev.switchboard.constraint;

import dev.switchboard.constraint.Configuration.Survival;
import dev.switchboard.tokenizer.IntList;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds how long plain text may go on from a configuration, whatever it says: a search through the
 * configurations that any text of the kind can reach, one character further each round.
 *
 * <p>Where characters are counted, all of them lead to one configuration; so what is found of one
 * count is found of those before it, and one step finds it of the next.
 */
final class PlainSurvival {
  /** Reached configurations after which no more is looked for. */
  private static final int MOST_REACHED = 96;

  /**
   * Characters of which each leads to one configuration alone, after which no more are followed.
   */
  private static final int LONGEST_WAY = 2 * Automaton.ALIKE_SYMBOLS;

  private final Configurations configurations;

  /** By place and kind: a symbol of each class that may come. */
  private final int[][] moves = new int[PlainText.PLACES * PlainText.KINDS][];

  private record At(Configuration configuration, int place) {}

  PlainSurvival(Automaton automaton, Configurations configurations) {
    this.configurations = configurations;
    for (int place = 0; place < PlainText.PLACES; place++) {
      for (int kind = 0; kind < PlainText.KINDS; kind++) {
        moves[index(place, kind)] = moves(automaton, place, kind);
      }
    }
  }

  private static int index(int place, int kind) {
    return place * PlainText.KINDS + kind;
  }

  private static int[] moves(Automaton automaton, int place, int kind) {
    IntList found = new IntList();
    Set<Integer> known = new HashSet<>();
    for (int symbol = 0; symbol < Math.min(256, automaton.symbols); symbol++) {
      if (PlainText.has(kind, place, symbol)) {
        int next = PlainText.next(place, symbol);
        if (known.add(automaton.classOf[symbol] * PlainText.PLACES + next)) {
          found.add(symbol);
        }
      }
    }
    return found.toArray();
  }

  /** Of text that begins between two characters; at most {@link Automaton#ALIKE_SYMBOLS}. */
  Survival of(Configuration from, int kind) {
    Survival known = known(from, kind);
    return known == null ? find(from, kind) : known;
  }

  private static @Nullable Survival known(Configuration from, int kind) {
    @Nullable Survival[] known = from.survivals;
    return known == null ? null : known[kind];
  }

  private Survival keep(Configuration from, int kind, Survival found) {
    @Nullable Survival[] known = from.survivals;
    if (known == null) {
      known = new Survival[PlainText.KINDS];
      from.survivals = known;
      configurations.charge(16 + 4 * known.length);
    }
    known[kind] = found;
    configurations.charge(24);
    return found;
  }

  private Survival find(Configuration from, int kind) {
    List<Configuration> way = new ArrayList<>(List.of(from));
    List<Round> rounds = new ArrayList<>();
    Survival found = null;
    int reach = 0;
    while (found == null) {
      Configuration last = way.getLast();
      Round round = new Round(kind);
      round.take(last);
      reach = Math.max(reach, round.reach);
      Configuration next = round.only();
      if (next == null || rounds.size() == LONGEST_WAY) {
        found = keep(last, kind, search(last, kind));
      } else if (way.contains(next)) {
        found = keep(last, kind, forEver(reach));
      } else {
        way.add(next);
        rounds.add(round);
        found = known(next, kind);
      }
    }
    for (int i = rounds.size() - 1; i >= 0; i--) {
      found = keep(way.get(i), kind, rounds.get(i).before(found));
    }
    return found;
  }

  private static Survival forEver(int reach) {
    return new Survival(Automaton.ALIKE_SYMBOLS, false, reach);
  }

  private Survival search(Configuration from, int kind) {
    Set<Configuration> reached = new HashSet<>();
    Set<Configuration> now = Set.of(from);
    boolean mayEnd = false;
    boolean goesRound = false;
    int reach = 0;
    int characters = 0;
    while (characters < Automaton.ALIKE_SYMBOLS && reached.size() < MOST_REACHED) {
      Round round = new Round(kind);
      now.forEach(round::take);
      mayEnd |= round.someReturn;
      reach = Math.max(reach, round.reach);
      if (round.someDie) {
        boolean ends = !round.someLive && !mayEnd && !goesRound;
        return new Survival(characters, ends, reach);
      }
      now = new LinkedHashSet<>(round.then);
      now.removeIf(next -> !reached.add(next));
      if (now.isEmpty()) {
        return forEver(reach);
      }
      // What goes on from where it has been is not looked at again.
      goesRound |= now.size() < round.then.size();
      characters++;
    }
    return new Survival(characters, false, reach);
  }

  /** Where all texts of one more character lead. */
  private final class Round {
    private final int kind;
    private final Set<Configuration> then = new LinkedHashSet<>();
    private final Set<At> inside = new HashSet<>();
    private int reach;
    private boolean someDie;
    private boolean someLive;
    private boolean someReturn;

    Round(int kind) {
      this.kind = kind;
    }

    void take(Configuration from) {
      reach = Math.max(reach, from.reach);
      follow(from, 0);
    }

    private void follow(Configuration from, int place) {
      for (int symbol : moves[index(place, kind)]) {
        if (someDie && someLive) {
          return;
        }
        Configuration next = configurations.next(from, symbol);
        someReturn |= next.returned;
        if (next.states.length == 0) {
          someDie = true;
          continue;
        }
        someLive = true;
        reach = Math.max(reach, next.reach);
        int after = PlainText.next(place, symbol);
        if (after == 0) {
          then.add(next);
        } else if (inside.add(new At(next, after))) {
          follow(next, after);
        }
      }
    }

    /** Where all of them lead; null where some die or there are several. */
    @Nullable Configuration only() {
      return someDie || then.size() != 1 ? null : then.iterator().next();
    }

    /** From where this round began, of what holds where all its texts lead. */
    Survival before(Survival there) {
      boolean counts = there.characters() < Automaton.ALIKE_SYMBOLS;
      return new Survival(
          counts ? there.characters() + 1 : there.characters(),
          there.ends() && counts && !someReturn,
          Math.max(reach, there.reach()));
    }
  }
}

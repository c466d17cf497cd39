package dev.switchboard.constraint;

import dev.switchboard.constraint.Configuration.Survival;
import dev.switchboard.tokenizer.IntList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds how long plain text may go on from a configuration, whatever it says: a search through the
 * configurations that any text of the kind can reach, one symbol further each round.
 */
final class PlainSurvival {
  /** Reached configurations after which no more is looked for. */
  private static final int MOST_REACHED = 96;

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

  /** At most {@link Automaton#ALIKE_SYMBOLS}. */
  Survival of(Configuration from, int place, int kind) {
    @Nullable Survival[] known = from.survivals;
    if (known == null) {
      known = new Survival[moves.length];
      from.survivals = known;
      configurations.charge(16 + 4 * known.length);
    }
    Survival found = known[index(place, kind)];
    if (found == null) {
      found = find(from, place, kind);
      known[index(place, kind)] = found;
      configurations.charge(24);
    }
    return found;
  }

  private Survival find(Configuration from, int place, int kind) {
    Search search = new Search(from, place, kind);
    while (search.symbols < Automaton.ALIKE_SYMBOLS && search.reached.size() < MOST_REACHED) {
      search.step();
      if (search.someDie) {
        boolean ends = !search.someLive && !search.someReturn && !search.goesRound;
        return new Survival(search.symbols, ends, search.reach);
      }
      if (search.now.isEmpty()) {
        // Nothing new: it goes round.
        return new Survival(Automaton.ALIKE_SYMBOLS, false, search.reach);
      }
      search.symbols++;
    }
    return new Survival(search.symbols, false, search.reach);
  }

  /** All that text of one kind reaches, one symbol further each step. */
  private final class Search {
    private final int kind;
    private final Set<At> reached = new HashSet<>();
    private Set<At> now;
    private int symbols;
    private int reach;
    private boolean someDie;
    private boolean someLive;
    private boolean someReturn;
    private boolean goesRound;

    Search(Configuration from, int place, int kind) {
      this.kind = kind;
      now = Set.of(new At(from, place));
      reach = from.reach;
    }

    void step() {
      someLive = false;
      Set<At> then = new LinkedHashSet<>();
      for (At at : now) {
        for (int symbol : moves[index(at.place, kind)]) {
          Configuration next = configurations.next(at.configuration, symbol);
          someReturn |= next.returned;
          if (next.states.length == 0) {
            someDie = true;
            continue;
          }
          reach = Math.max(reach, next.reach);
          At after = new At(next, PlainText.next(at.place, symbol));
          someLive = true;
          if (reached.add(after)) {
            then.add(after);
          } else {
            // What goes on from there is not looked at again.
            goesRound |= !then.contains(after);
          }
        }
      }
      now = then;
    }
  }
}

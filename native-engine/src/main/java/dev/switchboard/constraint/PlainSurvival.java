package dev.switchboard.constraint;

import dev.switchboard.constraint.Configuration.Survival;
import dev.switchboard.tokenizer.IntList;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
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
    Set<At> reached = new HashSet<>();
    List<At> now = List.of(new At(from, place));
    int reach = from.reach;
    int symbols = 0;
    for (; symbols < Automaton.ALIKE_SYMBOLS && reached.size() < MOST_REACHED; symbols++) {
      List<At> then = new ArrayList<>();
      for (At at : now) {
        for (int symbol : moves[index(at.place, kind)]) {
          Configuration next = configurations.next(at.configuration, symbol);
          if (next.states.length == 0) {
            return new Survival(symbols, reach);
          }
          reach = Math.max(reach, next.reach);
          At after = new At(next, PlainText.next(at.place, symbol));
          if (reached.add(after)) {
            then.add(after);
          }
        }
      }
      if (then.isEmpty()) {
        return new Survival(Automaton.ALIKE_SYMBOLS, reach);
      }
      now = then;
    }
    return new Survival(symbols, reach);
  }
}

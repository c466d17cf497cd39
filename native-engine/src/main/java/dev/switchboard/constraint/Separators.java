package dev.switchboard.constraint;

import dev.switchboard.tokenizer.IntList;

/**
 * The tokens of a vocabulary that may end an element of an array and go on with the next: those
 * with a comma. Most of them end one element and begin one other at most, which is known of each,
 * for answers that are inside a string and for those that are not.
 */
final class Separators {
  /**
   * Some tokens, where an answer stands.
   *
   * @param tokens in rising order
   * @param scans of each how JSON reads on behind it, see {@link JsonScan}; −1 for one that has a
   *     bracket, or the whole of an element behind a comma
   * @param begins whether it begins an element behind its last comma
   */
  record Some(int[] tokens, int[] scans, boolean[] begins) {}

  private final Some outside;
  private final Some insideString;
  private final int[] opening;

  /**
   * @param pool the symbols of all tokens
   * @param starts where each token's begin
   */
  Separators(char[] pool, int[] starts) {
    IntList all = new IntList();
    IntList behindQuotes = new IntList();
    IntList behindBrackets = new IntList();
    for (int token = 0; token + 1 < starts.length; token++) {
      int from = starts[token];
      int comma = starts[token + 1] - 1;
      while (comma >= from && pool[comma] != ',') {
        comma--;
      }
      if (comma >= from) {
        all.add(token);
        addIf(has(pool, from, comma, '"'), token, behindQuotes);
        addIf(has(pool, from, comma, '['), token, behindBrackets);
      }
    }
    outside = read(all.toArray(), 0, pool, starts);
    insideString = read(behindQuotes.toArray(), JsonScan.STRING, pool, starts);
    opening = behindBrackets.toArray();
  }

  private static boolean has(char[] pool, int from, int to, char symbol) {
    boolean found = false;
    for (int i = from; i < to && !found; i++) {
      found = pool[i] == symbol;
    }
    return found;
  }

  private static void addIf(boolean added, int token, IntList to) {
    if (added) {
      to.add(token);
    }
  }

  private static Some read(int[] tokens, int begin, char[] pool, int[] starts) {
    int[] scans = new int[tokens.length];
    boolean[] begins = new boolean[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      boolean another = false;
      int scan = begin;
      for (int at = starts[tokens[i]]; at < starts[tokens[i] + 1] && scan >= 0; at++) {
        boolean ends = JsonScan.endsElement(scan, pool[at]);
        boolean wasText = (scan & JsonScan.STRING) != 0;
        scan = JsonScan.next(scan, pool[at]);
        boolean whole = begins[i] && (ends || (wasText && scan == 0));
        scan = whole || scan >= JsonScan.DEEPER || pool[at] >= Expression.CONTROL ? -1 : scan;
        another |= ends && pool[at] == ',';
        begins[i] = another && !ends;
      }
      scans[i] = scan;
    }
    return new Some(tokens, scans, begins);
  }

  /** For an answer outside of strings. */
  Some outside() {
    return outside;
  }

  /** For one inside a string that they may end. */
  Some insideString() {
    return insideString;
  }

  /** Those that may open an array and end its first element. */
  int[] opening() {
    return opening;
  }
}

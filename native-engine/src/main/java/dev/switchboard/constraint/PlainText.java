package dev.switchboard.constraint;

import java.util.Arrays;

/**
 * Which parts of a trie are plain text of some kind, so that a walk may take them whole. Most of a
 * vocabulary is words, and most places of an answer take any word or none.
 *
 * <p>Kinds are letters; these with digits, spaces and the signs inside words; all that is printed
 * but the quote and the backslash; these with all characters beyond ASCII; and any text at all.
 * Each has all of the one before. Where a node stands in a character is one of {@link #PLACES}:
 * between two, or inside one, by what must follow.
 */
final class PlainText {
  static final int KINDS = 5;
  static final int PLACES = 8;

  private static final int NONE = KINDS;
  private static final int BEYOND_ASCII = 3;
  private static final byte[] KIND = kinds();

  /** The first byte that may follow in a place inside a character, the last, and the place then. */
  private static final int[][] INSIDE = {
    {},
    {0x80, 0xbf, 0},
    {0x80, 0xbf, 1},
    {0x80, 0xbf, 2},
    {0xa0, 0xbf, 1},
    {0x80, 0x9f, 1},
    {0x90, 0xbf, 2},
    {0x80, 0x8f, 2}
  };

  private final byte[] kind;
  private final byte[] place;
  private final byte[] height;

  PlainText(TokenTrie trie) {
    int nodes = trie.nodes();
    kind = new byte[nodes];
    place = new byte[nodes];
    height = new byte[nodes];
    int[] parent = new int[nodes];
    int[] path = new int[trie.deepest() + 1];
    for (int node = 0; node < nodes; node++) {
      int depth = trie.depth(node);
      path[depth] = node;
      parent[node] = depth == 0 ? -1 : path[depth - 1];
      place[node] = (byte) next(depth == 0 ? 0 : place[parent[node]], trie.symbol(node));
    }
    for (int node = nodes - 1; node >= 0; node--) {
      int above = parent[node];
      if (above >= 0) {
        int own = place[node] < 0 ? NONE : KIND[trie.symbol(node)];
        kind[above] = (byte) Math.max(kind[above], Math.max(own, kind[node]));
        height[above] = (byte) Math.max(height[above], Math.min(Byte.MAX_VALUE, height[node] + 1));
      }
    }
  }

  /** Whether everything below the node, which is something, is plain text of one kind. */
  boolean isPlainBelow(int node) {
    return height[node] > 0 && kind[node] < NONE && place[node] >= 0;
  }

  int kind(int node) {
    return kind[node];
  }

  int place(int node) {
    return place[node];
  }

  /** Symbols on the longest way down. */
  int height(int node) {
    return height[node];
  }

  /** The kind of a text that begins between two characters. */
  static byte kindOf(char[] symbols, int from, int to) {
    byte found = 0;
    for (int i = from, place = 0; i < to; i++) {
      place = next(place, symbols[i]);
      if (place < 0) {
        return NONE;
      }
      found = (byte) Math.max(found, KIND[symbols[i]]);
    }
    return found;
  }

  /** Whether text of this kind may have the byte in this place. */
  static boolean has(int kindOfText, int place, int symbol) {
    return next(place, symbol) >= 0 && KIND[symbol] <= kindOfText;
  }

  /** The place after a symbol, or -1 where it is no part of a character there. */
  static int next(int place, int symbol) {
    if (place < 0 || symbol > 0xff) {
      return -1;
    }
    if (place > 0) {
      int[] inside = INSIDE[place];
      return symbol >= inside[0] && symbol <= inside[1] ? inside[2] : -1;
    }
    if (symbol < 0x80) {
      return 0;
    }
    return switch (symbol) {
      case 0xe0 -> 4;
      case 0xed -> 5;
      case 0xf0 -> 6;
      case 0xf4 -> 7;
      default -> {
        if (symbol < 0xc2 || symbol > 0xf4) {
          yield -1;
        }
        yield symbol < 0xe0 ? 1 : symbol < 0xf0 ? 2 : 3;
      }
    };
  }

  private static byte[] kinds() {
    byte[] kinds = new byte[256];
    Arrays.fill(kinds, 0, 0x80, (byte) 4);
    Arrays.fill(kinds, 0x80, 256, (byte) BEYOND_ASCII);
    for (int c = ' '; c < 0x7f; c++) {
      boolean inWord = Character.isDigit(c) || c == ' ' || c == '_' || c == '-';
      if (c != '"' && c != '\\') {
        kinds[c] = (byte) (Character.isLetter(c) ? 0 : inWord ? 1 : 2);
      }
    }
    return kinds;
  }
}

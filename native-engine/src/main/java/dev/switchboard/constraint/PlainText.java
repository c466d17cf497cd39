package dev.switchboard.constraint;

import java.util.Arrays;

/**
 * Which parts of a trie are plain text of some kind, so that a walk may take them whole. Most of a
 * vocabulary is words, and most places of an answer take any word or none.
 *
 * <p>Kinds are letters; these with spaces; these with digits and the signs inside words; all that
 * is printed but the quote and the backslash; these with all characters beyond ASCII; and any text
 * at all. Each has all of the one before. Where a node stands in a character is one of {@link
 * #PLACES}: between two, or inside one, by what must follow. Lengths are of characters, since that
 * is what constraints count; a token's last one may be there in part.
 */
final class PlainText {
  static final int KINDS = 6;
  static final int PLACES = 8;

  private static final int NONE = KINDS;
  private static final int BEYOND_ASCII = 4;
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
  private final byte[] characters;
  private final byte[] height;

  /** Where each kind's part of the trie begins; then the rest, which is not plain. */
  private final int[] begins = new int[KINDS + 1];

  private final int[] longest = new int[KINDS];
  private final long[][] ofKind;
  private final long[][] ofAtMost;

  /**
   * @param trie of tokens ordered by their kind, none longer than {@link Automaton#ALIKE_SYMBOLS}
   * @param words of a mask
   */
  PlainText(TokenTrie trie, int words) {
    int nodes = trie.nodes();
    kind = new byte[nodes];
    place = new byte[nodes];
    characters = new byte[nodes];
    height = new byte[nodes];
    int[] parent = new int[nodes];
    int[] path = new int[trie.deepest() + 1];
    for (int node = 0; node < nodes; node++) {
      int depth = trie.depth(node);
      path[depth] = node;
      parent[node] = depth == 0 ? -1 : path[depth - 1];
      int before = depth == 0 ? 0 : place[parent[node]];
      int begun = depth == 0 ? 0 : characters[parent[node]];
      place[node] = (byte) next(before, trie.symbol(node));
      characters[node] = (byte) (before == 0 ? begun + 1 : begun);
    }
    for (int node = nodes - 1; node >= 0; node--) {
      int above = parent[node];
      if (above >= 0) {
        kind[above] = (byte) Math.max(kind[above], kindFrom(trie, node));
        int more = height[node] + characters[node] - characters[above];
        height[above] = (byte) Math.max(height[above], more);
      }
    }
    ofKind = new long[KINDS][words];
    ofAtMost = new long[Automaton.ALIKE_SYMBOLS + 1][words];
    index(trie);
  }

  /** Of the text that begins with the node. */
  private int kindFrom(TokenTrie trie, int node) {
    return Math.max(kind[node], place[node] < 0 ? NONE : KIND[trie.symbol(node)]);
  }

  private void index(TokenTrie trie) {
    Arrays.fill(begins, trie.nodes());
    for (int top = 0; top < trie.nodes(); top = trie.after(top)) {
      int own = kindFrom(trie, top);
      for (int upTo = own; upTo >= 0 && begins[upTo] > top; upTo--) {
        begins[upTo] = top;
      }
      if (own < NONE) {
        longest[own] = Math.max(longest[own], 1 + height[top]);
        trie.addTo(ofKind[own], trie.firstToken(top), trie.endBelow(top));
        for (int node = top; node < trie.after(top); node++) {
          trie.addTo(ofAtMost[characters[node]], trie.firstToken(node), trie.endToken(node));
        }
      }
    }
    for (int most = 1; most < ofAtMost.length; most++) {
      for (int word = 0; word < ofAtMost[most].length; word++) {
        ofAtMost[most][word] |= ofAtMost[most - 1][word];
      }
    }
  }

  /** The first node of a kind's part of the trie, which ends where that of the next one begins. */
  int begin(int kindOfTokens) {
    return begins[kindOfTokens];
  }

  /** Characters of the kind's longest token. */
  int longest(int kindOfTokens) {
    return longest[kindOfTokens];
  }

  /** Adds a kind's tokens of at most so many characters to a mask. */
  void addTo(long[] mask, int kindOfTokens, int most) {
    long[] kept = ofKind[kindOfTokens];
    long[] shortOnes = ofAtMost[Math.min(most, longest[kindOfTokens])];
    for (int word = 0; word < mask.length; word++) {
      mask[word] |= kept[word] & shortOnes[word];
    }
  }

  /**
   * Whether everything below the node, which is something, is plain text of one kind that begins
   * between two characters.
   */
  boolean isPlainBelow(int node) {
    return height[node] > 0 && kind[node] < NONE && place[node] == 0;
  }

  int kind(int node) {
    return kind[node];
  }

  /** Characters that begin on the way to the node and with it. */
  int characters(int node) {
    return characters[node];
  }

  /** Characters that begin below the node on the longest way down. */
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
    Arrays.fill(kinds, 0, 0x80, (byte) (BEYOND_ASCII + 1));
    Arrays.fill(kinds, 0x80, 256, (byte) BEYOND_ASCII);
    for (int c = ' '; c < 0x7f; c++) {
      boolean inWord = Character.isDigit(c) || c == '_' || c == '-';
      if (c != '"' && c != '\\') {
        kinds[c] = (byte) (Character.isLetter(c) ? 0 : inWord ? 2 : 3);
      }
    }
    kinds[' '] = 1;
    return kinds;
  }
}

package dev.switchboard.constraint;

import dev.switchboard.tokenizer.IntList;
import java.util.Arrays;

/**
 * Tokens by their symbols, in the order a walk visits them: node {@code i}'s first child is {@code
 * i + 1}, and {@code after[i]} is the first node that is not below it. Several nodes of one parent
 * may have the same symbol.
 */
final class TokenTrie {
  /** So many tokens, from a multiple of it on, are set at once. */
  private static final int BLOCK = 2048;

  private final char[] symbols;
  private final int[] depths;
  private final int[] after;
  private final int[] tokenStart;
  private final int[] tokens;
  private final int deepest;
  private long[][] blocks = {};
  private byte[] longest = {};
  private long[][] ofAtMost = {};

  private TokenTrie(char[] symbols, int[] depths, int[] tokenStart, int[] tokens) {
    this.symbols = symbols;
    this.depths = depths;
    this.tokenStart = tokenStart;
    this.tokens = tokens;
    after = new int[symbols.length];
    int most = 0;
    for (int depth : depths) {
      most = Math.max(most, depth + 1);
    }
    deepest = most;
    Arrays.fill(after, symbols.length);
    IntList open = new IntList();
    for (int node = 0; node < symbols.length; node++) {
      while (open.size() > depths[node]) {
        after[open.removeLast()] = node;
      }
      open.add(node);
    }
  }

  int nodes() {
    return symbols.length;
  }

  char symbol(int node) {
    return symbols[node];
  }

  /** Symbols before this node's own. */
  int depth(int node) {
    return depths[node];
  }

  int after(int node) {
    return after[node];
  }

  int firstToken(int node) {
    return tokenStart[node];
  }

  int endToken(int node) {
    return tokenStart[node + 1];
  }

  /** Where the tokens end that are this node's or below it; they begin at its first. */
  int endBelow(int node) {
    return tokenStart[after[node]];
  }

  int token(int index) {
    return tokens[index];
  }

  /** Keeps a mask of each block of tokens, of so many words; before anything is added. */
  void keepBlocks(int words) {
    long[][] kept = new long[tokens.length / BLOCK][words];
    for (int block = 0; block < kept.length; block++) {
      addTo(kept[block], block * BLOCK, (block + 1) * BLOCK);
    }
    blocks = kept;
  }

  /**
   * Keeps which tokens are of at most so many symbols each; no token has more than a byte holds.
   */
  void keepLengths(int words, int[] symbolsEach) {
    byte[] below = new byte[symbols.length];
    for (int node = symbols.length - 1; node >= 0; node--) {
      int most = depths[node] + 1;
      for (int child = node + 1; child < after[node]; child = after[child]) {
        most = Math.max(most, below[child]);
      }
      below[node] = (byte) most;
    }
    longest = below;
    ofAtMost = new long[symbolsEach.length][words];
    for (int node = 0; node < symbols.length; node++) {
      for (int level = 0; level < symbolsEach.length; level++) {
        if (depths[node] < symbolsEach[level]) {
          addTo(ofAtMost[level], tokenStart[node], tokenStart[node + 1]);
        }
      }
    }
  }

  /** Symbols of the longest token that is the node's or below it. */
  int longest(int node) {
    return longest[node];
  }

  /** Takes all tokens out of a mask that have more symbols than the level's. */
  void keepShort(long[] mask, int level) {
    long[] kept = ofAtMost[level];
    for (int word = 0; word < mask.length; word++) {
      mask[word] &= kept[word];
    }
  }

  /** Adds the tokens of a range of indices to a mask. */
  void addTo(long[] mask, int begin, int end) {
    for (int i = begin; i < end; ) {
      int block = i / BLOCK;
      if (i % BLOCK == 0 && i + BLOCK <= end && block < blocks.length) {
        long[] all = blocks[block];
        for (int word = 0; word < mask.length; word++) {
          mask[word] |= all[word];
        }
        i += BLOCK;
      } else {
        int token = tokens[i++];
        mask[token / Long.SIZE] |= 1L << token;
      }
    }
  }

  /** Longest token, in symbols. */
  int deepest() {
    return deepest;
  }

  /** Takes nodes in walking order. */
  static final class Builder {
    private final StringBuilder symbols = new StringBuilder();
    private final IntList depths = new IntList();
    private final IntList tokenStart = new IntList();
    private final IntList tokens = new IntList();

    void node(char symbol, int depth) {
      symbols.append(symbol);
      depths.add(depth);
      tokenStart.add(tokens.size());
    }

    /** Of the node added last. */
    void token(int token) {
      tokens.add(token);
    }

    TokenTrie build() {
      tokenStart.add(tokens.size());
      return new TokenTrie(
          symbols.toString().toCharArray(),
          depths.toArray(),
          tokenStart.toArray(),
          tokens.toArray());
    }
  }
}

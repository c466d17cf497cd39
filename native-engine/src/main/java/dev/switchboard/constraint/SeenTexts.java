package dev.switchboard.constraint;

import java.util.Arrays;

/**
 * Texts by their prefixes: a tree with a node for each, which counts the texts that begin with it.
 */
final class SeenTexts {
  static final int ROOT = 0;
  static final int NONE = -1;

  /** Node and symbol of each child that is there, plus one, so that 0 is none. */
  private long[] keys = new long[16];

  private int[] children = new int[16];
  private int[] counts = new int[16];
  private boolean[] ends = new boolean[16];

  /** Of each node what leads to it, its child that came last, and the one of its parent before. */
  private char[] symbols = new char[16];

  private int[] lastChild = new int[16];
  private int[] sibling = new int[16];
  private int nodes = 1;

  /** Texts that begin with what leads to the node. */
  int count(int node) {
    return node == NONE ? 0 : counts[node];
  }

  /** Whether a text ends at the node. */
  boolean ends(int node) {
    return node != NONE && ends[node];
  }

  int child(int node, int symbol) {
    return node == NONE ? NONE : children[place(key(node, symbol))] - 1;
  }

  /** One of the node's children, if there are any; {@link #another} gives the others. */
  int anyChild(int node) {
    return node == NONE ? NONE : lastChild[node] - 1;
  }

  int another(int child) {
    return sibling[child] - 1;
  }

  char symbol(int child) {
    return symbols[child];
  }

  /** Nodes, of which there is at most one for each symbol that was added. */
  int size() {
    return nodes;
  }

  /** Adds one that is not there yet. */
  void add(CharSequence text) {
    int node = ROOT;
    counts[node]++;
    for (int i = 0; i < text.length(); i++) {
      int next = child(node, text.charAt(i));
      node = next == NONE ? grow(node, text.charAt(i)) : next;
      counts[node]++;
    }
    ends[node] = true;
  }

  private static long key(int node, int symbol) {
    return ((long) node << Character.SIZE | symbol) + 1;
  }

  private int place(long key) {
    int mask = keys.length - 1;
    int at = (int) ((key * 0x9E3779B97F4A7C15L) >>> 40) & mask;
    while (keys[at] != 0 && keys[at] != key) {
      at = at + 1 & mask;
    }
    return at;
  }

  private int grow(int node, int symbol) {
    if (nodes == counts.length) {
      counts = Arrays.copyOf(counts, 2 * nodes);
      ends = Arrays.copyOf(ends, 2 * nodes);
      symbols = Arrays.copyOf(symbols, 2 * nodes);
      lastChild = Arrays.copyOf(lastChild, 2 * nodes);
      sibling = Arrays.copyOf(sibling, 2 * nodes);
    }
    if (2 * nodes >= keys.length) {
      rehash();
    }
    long key = key(node, symbol);
    int at = place(key);
    keys[at] = key;
    children[at] = nodes + 1;
    symbols[nodes] = (char) symbol;
    sibling[nodes] = lastChild[node];
    lastChild[node] = nodes + 1;
    return nodes++;
  }

  private void rehash() {
    long[] oldKeys = keys;
    int[] oldChildren = children;
    keys = new long[2 * oldKeys.length];
    children = new int[keys.length];
    for (int i = 0; i < oldKeys.length; i++) {
      if (oldKeys[i] != 0) {
        int at = place(oldKeys[i]);
        keys[at] = oldKeys[i];
        children[at] = oldChildren[i];
      }
    }
  }
}

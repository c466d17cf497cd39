package dev.switchboard.constraint;

import dev.switchboard.tokenizer.Tokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A model's tokens as strings of symbols, in a trie. Built once for a model, where it is loaded.
 *
 * <p>A text token's symbols are its bytes, which may begin or end inside a character. A control
 * token has one symbol of its own, so that only a constraint that names it lets it through. End
 * tokens have none: they are allowed where the answer may end. Other tokens without text are never
 * allowed.
 */
public final class TokenVocabulary {
  private static final int MOST_CONTROLS = Character.MAX_VALUE - Expression.CONTROL;

  private final int words;
  private final char[] pool;
  private final int[] starts;
  private final boolean[] isEnd;
  private final int[] ends;
  private final Map<String, Integer> controls = new HashMap<>();
  private final TokenTrie trie;
  private final TokenTrie longTrie;
  private final PlainText plain;
  private final Separators separators;
  private final @Nullable StateMask[] sharedMasks;

  /**
   * @param size tokens the model has; the vocabulary may have fewer, and more are left out
   */
  public TokenVocabulary(Tokens tokens, int size) {
    words = Math.ceilDiv(size, Long.SIZE);
    isEnd = new boolean[words * Long.SIZE];
    ends =
        tokens.endOfGeneration().stream()
            .mapToInt(token -> token)
            .filter(token -> token < size)
            .sorted()
            .toArray();
    for (int end : ends) {
      isEnd[end] = true;
    }
    starts = new int[isEnd.length + 1];
    StringBuilder symbols = new StringBuilder();
    for (int token = 0; token < isEnd.length; token++) {
      if (token < Math.min(size, tokens.size()) && !isEnd[token]) {
        append(tokens, token, symbols);
      }
      starts[token + 1] = symbols.length();
    }
    pool = symbols.toString().toCharArray();
    trie = buildTrie(1, Automaton.ALIKE_SYMBOLS);
    trie.keepBlocks(words);
    trie.keepLengths(words, Automaton.ALIKE);
    plain = new PlainText(trie, words);
    separators = new Separators(pool, starts);
    longTrie = buildTrie(Automaton.ALIKE_SYMBOLS + 1, Integer.MAX_VALUE);
    sharedMasks = new StateMask[JsonRules.STATES];
    findSharedMasks();
  }

  private void append(Tokens tokens, int token, StringBuilder symbols) {
    if (tokens.isControl(token)) {
      String piece = tokens.piece(token);
      if (controls.size() < MOST_CONTROLS && !controls.containsKey(piece)) {
        symbols.append((char) (Expression.CONTROL + controls.size()));
        controls.put(piece, Expression.CONTROL + controls.size());
      }
      return;
    }
    for (byte next : tokens.bytes(token)) {
      symbols.append((char) (next & 0xff));
    }
  }

  /** A trie for each kind of text, one behind the other: a walk may then take most of it whole. */
  private TokenTrie buildTrie(int shortest, int longest) {
    byte[] kinds = new byte[isEnd.length];
    List<Integer> sorted = new ArrayList<>();
    for (int token = 0; token < isEnd.length; token++) {
      if (length(token) >= shortest && length(token) <= longest) {
        kinds[token] = PlainText.kindOf(pool, starts[token], starts[token + 1]);
        sorted.add(token);
      }
    }
    sorted.sort(
        (a, b) ->
            kinds[a] != kinds[b]
                ? kinds[a] - kinds[b]
                : Arrays.compare(pool, starts[a], starts[a + 1], pool, starts[b], starts[b + 1]));
    TokenTrie.Builder builder = new TokenTrie.Builder();
    int before = -1;
    for (int token : sorted) {
      int depth = before < 0 || kinds[before] != kinds[token] ? 0 : common(before, token);
      for (; depth < length(token); depth++) {
        builder.node(symbol(token, depth), depth);
      }
      builder.token(token);
      before = token;
    }
    return builder.build();
  }

  private int common(int left, int right) {
    int difference =
        Arrays.mismatch(
            pool, starts[left], starts[left + 1], pool, starts[right], starts[right + 1]);
    return difference < 0 ? length(left) : difference;
  }

  /** The states inside JSON's strings look at most of the vocabulary, and every schema has them. */
  private void findSharedMasks() {
    Automaton json = JsonRules.automaton(symbols());
    Masks masks = new Masks(json, this, Long.MAX_VALUE);
    for (int state = 0; state < sharedMasks.length; state++) {
      if (json.reads(state)) {
        sharedMasks[state] = masks.inside(state);
      }
    }
  }

  /** What may follow in a state of {@link JsonRules}; null while they are being found. */
  @Nullable StateMask sharedMask(int state) {
    return sharedMasks[state];
  }

  /** 64-bit words of a mask. */
  public int words() {
    return words;
  }

  /** Of tokens of at most {@link Automaton#ALIKE_SYMBOLS} symbols. */
  TokenTrie trie() {
    return trie;
  }

  /** Of the others, which are few. */
  TokenTrie longTrie() {
    return longTrie;
  }

  /** In symbols. */
  int longestToken() {
    return Math.max(trie.deepest(), longTrie.deepest());
  }

  PlainText plain() {
    return plain;
  }

  /** Tokens that may end an element of an array and go on with the next. */
  Separators separators() {
    return separators;
  }

  /** Symbols are below this. */
  int symbols() {
    return Expression.CONTROL + controls.size();
  }

  /** The symbol of a control token. */
  int control(String piece) {
    Integer symbol = controls.get(piece);
    if (symbol == null) {
      throw new ConstraintException("", "needs the control token " + piece + ", which is unknown");
    }
    return symbol;
  }

  boolean isEnd(int token) {
    return isEnd[token];
  }

  int[] ends() {
    return ends;
  }

  int length(int token) {
    return starts[token + 1] - starts[token];
  }

  /** The symbols of all tokens, one token's after another's. */
  char[] pool() {
    return pool;
  }

  /** Where a token's symbols begin; they end where the next one's do. */
  int start(int token) {
    return starts[token];
  }

  char symbol(int token, int index) {
    return pool[starts[token] + index];
  }
}

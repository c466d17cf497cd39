package dev.switchboard.tokenizer;

import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.GgufMetadata;
import dev.switchboard.gguf.GgufStrings;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Byte-level BPE as GPT-2 introduced it: an expression cuts the text into words, a word's bytes are
 * spelled with {@link ByteAlphabet}, and neighbours merge in the order the merges are listed.
 */
final class BytePairTokenizer extends VocabularyTokenizer {
  private final PreTokenizer preTokenizer;
  private final MergeTable merges;
  private final int[] byteTokens;

  BytePairTokenizer(GgufMetadata metadata, PreTokenizer preTokenizer) {
    super(
        new Vocabulary(
            metadata, new Vocabulary.Defaults(-1, -1, -1, preTokenizer.addsBos(), false)));
    this.preTokenizer = preTokenizer;
    this.merges = readMerges(metadata.strings("tokenizer.ggml.merges"));
    this.byteTokens = spelledByteTokens();
  }

  private int[] spelledByteTokens() {
    int[] tokens = new int[256];
    for (int value = 0; value < 256; value++) {
      byte[] spelled = ByteAlphabet.spelled(value);
      int id = vocabulary.findSpelled(spelled, 0, spelled.length);
      tokens[value] = id != Vocabulary.NONE ? id : vocabulary.unknownByte();
    }
    return tokens;
  }

  /** A merge of or into something that is no token can never matter, so it is left out. */
  private MergeTable readMerges(GgufStrings strings) {
    MergeTable table = new MergeTable(strings.size());
    for (int rank = 0; rank < strings.size(); rank++) {
      byte[] merge = strings.bytes(rank);
      int space = spaceIn(merge, rank);
      int left = vocabulary.findSpelled(merge, 0, space);
      int right = vocabulary.findSpelled(merge, space + 1, merge.length);
      System.arraycopy(merge, space + 1, merge, space, merge.length - space - 1);
      int merged = vocabulary.findSpelled(merge, 0, merge.length - 1);
      if (left != Vocabulary.NONE && right != Vocabulary.NONE && merged != Vocabulary.NONE) {
        table.put(left, right, rank, merged);
      }
    }
    return table;
  }

  private static int spaceIn(byte[] merge, int rank) {
    for (int i = 1; i < merge.length - 1; i++) {
      if (merge[i] == ' ') {
        return i;
      }
    }
    throw new GgufException(
        Reason.BAD_TOKENIZER, "tokenizer.ggml.merges[" + rank + "] is not two parts and a space");
  }

  @Override
  Encoder encoder() {
    return new Merger();
  }

  /**
   * Characters outside the alphabet stand for themselves: tokens added after training have them.
   */
  @Override
  byte[] textBytes(int token) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    piece(token)
        .codePoints()
        .forEach(
            c -> {
              int value = ByteAlphabet.value(c);
              if (value >= 0) {
                out.write(value);
              } else {
                out.writeBytes(Character.toString(c).getBytes(StandardCharsets.UTF_8));
              }
            });
    return out.toByteArray();
  }

  private final class Merger extends PairMerger implements Encoder {
    private int[] symbols = new int[64];
    private byte[] word = new byte[64];

    @Override
    public void encode(byte[] text, int from, int to, boolean first, IntList out) {
      String part = new String(text, from, to - from, StandardCharsets.UTF_8);
      preTokenizer.split(part, (start, end) -> encodeWord(part, start, end, out));
    }

    private void encodeWord(String text, int from, int to, IntList out) {
      int size = putUtf8(text, from, to);
      if (preTokenizer.ignoresMerges()) {
        int whole = findWord(size);
        if (whole != Vocabulary.NONE) {
          out.add(whole);
          return;
        }
      }
      int count = putSymbols(size);
      if (count == 0) {
        return;
      }
      run(count);
      for (int symbol = 0; symbol >= 0; symbol = after(symbol)) {
        out.add(symbols[symbol]);
      }
    }

    private int putUtf8(String text, int from, int to) {
      int most = Math.multiplyExact(to - from, 3);
      if (word.length < most) {
        word = new byte[Math.max(most, word.length * 2)];
      }
      int size = 0;
      for (int i = from; i < to; ) {
        int codePoint = text.codePointAt(i);
        i += Character.charCount(codePoint);
        size = Utf8Text.put(codePoint, word, size);
      }
      return size;
    }

    /** Bytes that neither a token nor the unknown token spells are left out. */
    private int putSymbols(int size) {
      if (symbols.length < size) {
        symbols = new int[Math.max(size, symbols.length * 2)];
      }
      int count = 0;
      for (int i = 0; i < size; i++) {
        int token = byteTokens[word[i] & 0xFF];
        if (token != Vocabulary.NONE) {
          symbols[count++] = token;
        }
      }
      return count;
    }

    private int findWord(int size) {
      byte[] spelled = new byte[2 * size];
      int length = 0;
      for (int i = 0; i < size; i++) {
        byte[] letter = ByteAlphabet.spelled(word[i] & 0xFF);
        System.arraycopy(letter, 0, spelled, length, letter.length);
        length += letter.length;
        if (length > vocabulary.table().longest()) {
          return Vocabulary.NONE;
        }
      }
      return vocabulary.findSpelled(spelled, 0, length);
    }

    @Override
    int priority(int left, int right) {
      int slot = merges.slot(symbols[left], symbols[right]);
      return slot < 0 ? NEVER : merges.rank(slot);
    }

    @Override
    void merge(int left, int right) {
      symbols[left] = merges.merged(merges.slot(symbols[left], symbols[right]));
    }
  }

  /** An open-addressing hash table from pairs of tokens to the rank and result of their merge. */
  private static final class MergeTable {
    private static final int MAX_PROBES = 256;
    private static final long EMPTY = -1;

    private final long[] pairs;
    private final int[] ranks;
    private final int[] results;

    MergeTable(int count) {
      int size = Math.max(16, Integer.highestOneBit(Math.max(1, count)) * 4);
      pairs = new long[size];
      ranks = new int[size];
      results = new int[size];
      Arrays.fill(pairs, EMPTY);
    }

    /** Of equal pairs the first stays. */
    void put(int left, int right, int rank, int merged) {
      long pair = pair(left, right);
      int slot = start(pair);
      for (int probes = 0; pairs[slot] != EMPTY; slot = (slot + 1) & (pairs.length - 1)) {
        if (pairs[slot] == pair) {
          return;
        }
        if (++probes > MAX_PROBES) {
          throw new GgufException(
              Reason.BAD_TOKENIZER, "tokenizer.ggml.merges has too many merges that hash alike");
        }
      }
      pairs[slot] = pair;
      ranks[slot] = rank;
      results[slot] = merged;
    }

    /** Where a pair is, or -1. */
    int slot(int left, int right) {
      long pair = pair(left, right);
      for (int slot = start(pair); pairs[slot] != EMPTY; slot = (slot + 1) & (pairs.length - 1)) {
        if (pairs[slot] == pair) {
          return slot;
        }
      }
      return -1;
    }

    int rank(int slot) {
      return ranks[slot];
    }

    int merged(int slot) {
      return results[slot];
    }

    private int start(long pair) {
      long mixed = (pair ^ (pair >>> 29)) * 0x9E3779B97F4A7C15L;
      return (int) (mixed >>> 32) & (pairs.length - 1);
    }

    private static long pair(int left, int right) {
      return ((long) left << 32) | right;
    }
  }
}

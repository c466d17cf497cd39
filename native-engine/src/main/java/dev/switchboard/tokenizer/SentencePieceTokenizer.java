package dev.switchboard.tokenizer;

import dev.switchboard.gguf.GgufMetadata;
import java.util.Arrays;

/**
 * SentencePiece as Llama 2 uses it: a space is spelled U+2581, neighbouring pieces merge while
 * their concatenation is a token, highest score first, and characters no token spells become bytes.
 * Special pieces are never the result of a merge, as in SentencePiece itself.
 */
final class SentencePieceTokenizer extends VocabularyTokenizer {
  private static final byte[] SPELLED_SPACE = {(byte) 0xE2, (byte) 0x96, (byte) 0x81};

  private final boolean addSpacePrefix;
  private final int[] byteTokens;

  SentencePieceTokenizer(GgufMetadata metadata) {
    super(new Vocabulary(metadata, new Vocabulary.Defaults(1, 2, 0, true, false)));
    addSpacePrefix = metadata.bool("tokenizer.ggml.add_space_prefix", true);
    byteTokens = byteTokens();
  }

  @Override
  Encoder encoder() {
    return new Merger();
  }

  @Override
  byte[] textBytes(int token) {
    return unescapedBytes(token);
  }

  @Override
  public String decode(int[] tokens) {
    String text = super.decode(tokens);
    return addSpacePrefix ? withoutLeadingSpace(text) : text;
  }

  private final class Merger extends PairMerger implements Encoder {
    private byte[] text = new byte[256];
    private int[] starts = new int[64];
    private int[] ends = new int[64];

    @Override
    public void encode(byte[] source, int from, int to, boolean first, IntList out) {
      int size = escape(source, from, to, first && addSpacePrefix);
      run(splitCharacters(size));
      for (int symbol = 0; symbol >= 0; symbol = after(symbol)) {
        emit(starts[symbol], ends[symbol], out);
      }
    }

    private int escape(byte[] source, int from, int to, boolean prefixed) {
      int size = 0;
      reserveText(Math.addExact(Math.multiplyExact(to - from, 3), 3));
      if (prefixed) {
        size = putSpace(size);
      }
      for (int i = from; i < to; i++) {
        if (source[i] == ' ') {
          size = putSpace(size);
        } else {
          text[size++] = source[i];
        }
      }
      return size;
    }

    private void reserveText(int size) {
      if (text.length < size) {
        text = new byte[Math.max(size, text.length * 2)];
      }
    }

    private int putSpace(int at) {
      System.arraycopy(SPELLED_SPACE, 0, text, at, SPELLED_SPACE.length);
      return at + SPELLED_SPACE.length;
    }

    private int splitCharacters(int size) {
      int count = 0;
      for (int at = 0; at < size; at = ends[count++]) {
        if (count == starts.length) {
          starts = Arrays.copyOf(starts, count * 2);
          ends = Arrays.copyOf(ends, count * 2);
        }
        starts[count] = at;
        ends[count] = Math.min(size, at + Utf8Text.length(text[at]));
      }
      return count;
    }

    @Override
    int priority(int left, int right) {
      if (ends[right] - starts[left] > vocabulary.table().longest()) {
        return NEVER;
      }
      int id = vocabulary.findSpelled(text, starts[left], ends[right]);
      return id == Vocabulary.NONE ? NEVER : descending(vocabulary.score(id));
    }

    @Override
    void merge(int left, int right) {
      ends[left] = ends[right];
    }

    private void emit(int from, int to, IntList out) {
      int id = vocabulary.findSpelled(text, from, to);
      if (id != Vocabulary.NONE) {
        out.add(id);
        return;
      }
      for (int i = from; i < to; i++) {
        int token = byteTokens[text[i] & 0xFF];
        if (token != Vocabulary.NONE) {
          out.add(token);
        }
      }
    }
  }

  /** Maps scores to ints that are lower for higher scores and never {@link PairMerger#NEVER}. */
  private static int descending(float score) {
    int bits = Float.floatToIntBits(score + 0f);
    int ascending = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
    return Math.min(~ascending, PairMerger.NEVER - 1);
  }
}

package dev.switchboard.tokenizer;

import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.GgufMetadata;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.Arrays;

/**
 * WordPiece as BERT uses it: text is lower-cased and loses its accents, words end at white space
 * and around punctuation and Chinese characters, and a word is spelled by the longest tokens from
 * its start; a word that cannot be spelled, or of more than 100 characters, is the unknown token.
 * Of marks only those without a width are accents: vowel signs that take room stay. In the file a
 * token that starts a word begins with U+2581 and one that continues it stands alone.
 */
final class WordPieceTokenizer extends VocabularyTokenizer {
  private static final byte[] WORD_START = {(byte) 0xE2, (byte) 0x96, (byte) 0x81};

  private static final int WORD_CHARACTERS = 100;

  private final boolean lowercase;
  private final boolean stripAccents;

  WordPieceTokenizer(GgufMetadata metadata) {
    super(new Vocabulary(metadata, new Vocabulary.Defaults(101, 102, 100, true, true)));
    if (vocabulary.unknown() == Vocabulary.NONE) {
      throw new GgufException(Reason.BAD_TOKENIZER, "tokenizer.ggml.unknown_token_id is not there");
    }
    lowercase = metadata.bool("tokenizer.ggml.normalizer.lowercase", true);
    stripAccents = metadata.bool("tokenizer.ggml.normalizer.strip_accents", lowercase);
  }

  @Override
  Encoder encoder() {
    return new Words();
  }

  @Override
  byte[] textBytes(int token) {
    return unescapedBytes(token);
  }

  @Override
  public String decode(int[] tokens) {
    return withoutLeadingSpace(super.decode(tokens));
  }

  private final class Words implements Encoder {
    private byte[] word = Arrays.copyOf(WORD_START, 64);
    private int size = WORD_START.length;
    private int characters;

    @Override
    public void encode(byte[] text, int from, int to, boolean first, IntList out) {
      String part = new String(text, from, to - from, StandardCharsets.UTF_8);
      String normal = stripAccents ? Normalizer.normalize(part, Normalizer.Form.NFD) : part;
      for (int i = 0; i < normal.length(); ) {
        int codePoint = normal.codePointAt(i);
        i += Character.charCount(codePoint);
        add(codePoint, out);
      }
      finishWord(out);
    }

    private void add(int codePoint, IntList out) {
      if (Characters.isWhiteSpace(codePoint)) {
        finishWord(out);
      } else if (!isDropped(codePoint)) {
        boolean alone = standsAlone(codePoint);
        if (alone) {
          finishWord(out);
        }
        append(lowercase ? Character.toLowerCase(codePoint) : codePoint);
        if (alone) {
          finishWord(out);
        }
      }
    }

    private boolean isDropped(int codePoint) {
      return codePoint == 0xFFFD
          || Characters.isControl(codePoint)
          || (stripAccents && Character.getType(codePoint) == Character.NON_SPACING_MARK);
    }

    private void append(int codePoint) {
      if (++characters > WORD_CHARACTERS) {
        return;
      }
      if (size + 4 > word.length) {
        word = Arrays.copyOf(word, word.length * 2);
      }
      size = Utf8Text.put(codePoint, word, size);
    }

    private void finishWord(IntList out) {
      if (characters > WORD_CHARACTERS) {
        out.add(vocabulary.unknown());
      } else if (size > WORD_START.length) {
        int before = out.size();
        for (int at = 0; at < size; ) {
          int id = longestAt(at);
          if (id == Vocabulary.NONE) {
            out.truncate(before);
            out.add(vocabulary.unknown());
            break;
          }
          out.add(id);
          at += vocabulary.table().byteLength(id);
        }
      }
      size = WORD_START.length;
      characters = 0;
    }

    private int longestAt(int at) {
      TokenTable table = vocabulary.table();
      int most = Math.min(size - at, Math.min(table.longest(), TokenTable.MAX_MATCH_BYTES));
      int found = Vocabulary.NONE;
      long hash = TokenTable.hashStart();
      for (int length = 1; length <= most; length++) {
        hash = TokenTable.hashNext(hash, word[at + length - 1]);
        int id = table.find(hash, word, at, at + length);
        if (id != Vocabulary.NONE && vocabulary.kind(id).isSpelled()) {
          found = id;
        }
      }
      return found;
    }
  }

  /** Punctuation by BERT's reckoning: every ASCII character that is no letter, digit or space. */
  private static boolean standsAlone(int codePoint) {
    return Characters.isPunctuation(codePoint)
        || (codePoint < 0x7F && Characters.isSymbol(codePoint))
        || isChinese(codePoint);
  }

  private static boolean isChinese(int c) {
    return (c >= 0x4E00 && c <= 0x9FFF)
        || (c >= 0x3400 && c <= 0x4DBF)
        || (c >= 0xF900 && c <= 0xFAFF)
        || (c >= 0x20000 && c <= 0x2A6DF)
        || (c >= 0x2A700 && c <= 0x2B73F)
        || (c >= 0x2B740 && c <= 0x2B81F)
        || (c >= 0x2B920 && c <= 0x2CEAF)
        || (c >= 0x2F800 && c <= 0x2FA1F);
  }
}

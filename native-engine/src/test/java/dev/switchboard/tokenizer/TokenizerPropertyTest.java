package dev.switchboard.tokenizer;

import static dev.switchboard.tokenizer.TestVocabularies.golden;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class TokenizerPropertyTest {
  /** bytes-starcoder has no token for some bytes, which only rare characters contain. */
  private static final List<String> LOSSLESS = List.of("bytes-gpt-2", "pieces", "pieces-chat");

  /** Text of every script, with pieces that tokenizers treat specially. */
  @Provide
  Arbitrary<String> texts() {
    Arbitrary<String> special =
        Arbitraries.of(" ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "12", "<s>", "</s>", "<0x0A>");
    Arbitrary<String> control = Arbitraries.of("<|endoftext|>", "<fim_prefix>", "[CLS]", "<unk>");
    Arbitrary<String> ascii = Arbitraries.strings().ascii().ofMaxLength(12);
    Arbitrary<String> any =
        Arbitraries.integers()
            .between(1, Character.MAX_CODE_POINT)
            .filter(c -> (c < 0xD800 || c > 0xDFFF) && c != 0x2581)
            .map(Character::toString);
    return Arbitraries.oneOf(special, control, ascii, any)
        .list()
        .ofMaxSize(12)
        .map(parts -> String.join("", parts));
  }

  @Property(tries = 500)
  void textsDecodeToThemselves(@ForAll("texts") String text) {
    for (String name : LOSSLESS) {
      Tokenizer tokenizer = golden(name);

      assertEquals(text, tokenizer.decode(tokenizer.encode(text)), name);
    }
  }

  @Property(tries = 500)
  void plainTextGivesNoControlToken(@ForAll("texts") String text) {
    for (String name : TestVocabularies.NAMES) {
      Tokenizer tokenizer = golden(name);

      int[] ids = tokenizer.encode(text);

      assertFalse(
          Arrays.stream(ids).anyMatch(id -> tokenizer.isControl(id) && !isUnknown(name, id)), name);
      assertArrayEquals(ids, tokenizer.encodeTemplate(text, new int[] {0, text.length()}));
    }
  }

  /** BERT's unknown token is marked as control; it is what unknown words become. */
  private static boolean isUnknown(String name, int id) {
    return name.equals("words") && id == 1;
  }

  @Property(tries = 500)
  void streamedPiecesAreWholeCharactersAndSumToTheText(@ForAll("texts") String text) {
    Tokenizer tokenizer = golden("bytes-gpt-2");
    Tokenizer.Detokenizer stream = tokenizer.detokenizer();
    StringBuilder sum = new StringBuilder();

    for (int id : tokenizer.encode(text)) {
      String piece = stream.next(id);
      assertFalse(piece.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF));
      sum.append(piece);
    }

    assertEquals(text, sum.append(stream.finish()).toString());
  }
}

package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gguf.GgufFile;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class EchoedPromptTest {
  private static final Path PIECES = Path.of("src/test/resources/golden/tokenizers/pieces.gguf");

  private final Tokenizer bytes = new ByteTokenizer(false);

  private int[] offsets(String text, int... tokens) {
    return new EchoedPrompt(bytes, text).offsets(tokens, 0);
  }

  @Test
  void aControlTokenThatIsSpelledOutTakesItsName() {
    assertArrayEquals(new int[] {0, 1, 6}, offsets("a<bos>b", 'a', ByteTokenizer.BOS, 'b'));
  }

  @Test
  void aControlTokenAmongTokenIdsTakesNothing() {
    assertArrayEquals(new int[] {0, 0, 1, 2}, offsets("<b>", ByteTokenizer.BOS, '<', 'b', '>'));
  }

  @Test
  void aCharacterIsCountedOnceWithItsLastByte() {
    int[] tokens = new ByteTokenizer(false).encode("a😀b");

    assertArrayEquals(new int[] {0, 1, 1, 1, 1, 2}, offsets("a😀b", tokens));
  }

  @Test
  void tokensThatWereAddedAreLeftOut() {
    int[] tokens = {ByteTokenizer.BOS, 'a', 'b'};

    assertArrayEquals(new int[] {0, 1}, new EchoedPrompt(bytes, "ab").offsets(tokens, 1));
  }

  /** The text before each token and the token's own are the text. */
  @Test
  void theSpaceThatAVocabularyReadsBeforeATextIsNotInIt() throws Exception {
    String text = "Hello big world";
    try (GgufFile gguf = GgufFile.open(PIECES)) {
      Tokenizer tokenizer = Tokenizers.from(gguf);
      int[] tokens = tokenizer.encode(text);

      int[] offsets = new EchoedPrompt(tokenizer, text).offsets(tokens, 0);

      for (int i = 1; i < tokens.length; i++) {
        String before = tokenizer.decode(Arrays.copyOf(tokens, i));
        assertEquals(before.length(), offsets[i], before);
      }
      assertEquals(' ', tokenizer.bytes(tokens[0])[0]);
    }
  }
}

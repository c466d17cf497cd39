package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;

class MarkedDetokenizerTest {
  private final Tokenizer tokenizer = new ByteTokenizer(false);

  private static String text(Tokenizer.Detokenizer detokenizer, int... tokens) {
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      text.append(detokenizer.next(token));
    }
    return text.append(detokenizer.finish()).toString();
  }

  @Test
  void theMarkersControlTokenIsSpelledAndNoOther() {
    Tokenizer.Detokenizer marked = MarkedDetokenizer.of(tokenizer, "<bos>");

    assertEquals("a<bos>b", text(marked, 'a', ByteTokenizer.BOS, ByteTokenizer.END, 'b'));
  }

  @Test
  void aCharacterThatTheMarkerCutsComesBeforeIt() {
    Tokenizer.Detokenizer marked = MarkedDetokenizer.of(tokenizer, "<bos>");

    assertEquals("\ufffd<bos>é", text(marked, 0xc3, ByteTokenizer.BOS, 0xc3, 0xa9));
  }

  @Test
  void aMarkerThatIsNoTokenIsLeftToTheText() {
    assertEquals("ab", text(MarkedDetokenizer.of(tokenizer, "[X]"), 'a', ByteTokenizer.BOS, 'b'));
  }
}

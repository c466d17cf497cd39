package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ConstraintWarmUpTest {
  @Test
  void everySampleIsCompiledAndFollowed() {
    TestTokenizer tokenizer = TestTokenizer.pieces();

    int followed = ConstraintWarmUp.run(new TokenVocabulary(tokenizer, tokenizer.size()));

    assertTrue(followed > 60, followed + " tokens");
  }

  @Test
  void aVocabularyThatCanWriteNoneOfThemIsNoError() {
    TestTokenizer useless = TestTokenizer.of("~");

    int followed = ConstraintWarmUp.run(new TokenVocabulary(useless, useless.size()));

    assertEquals(0, followed);
  }
}

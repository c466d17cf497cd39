package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ConstraintWarmUpTest {
  @Test
  void everySampleIsCompiledAndFollowedAndNoneIsKept() {
    TestTokenizer tokenizer = TestTokenizer.pieces();
    ConstraintCompiler compiler =
        new ConstraintCompiler(new TokenVocabulary(tokenizer, tokenizer.size()));

    int followed = ConstraintWarmUp.run(compiler);

    assertTrue(followed > 60, followed + " tokens");
    assertEquals(0, compiler.size());
  }

  @Test
  void aVocabularyThatCanWriteNoneOfThemIsNoError() {
    TestTokenizer useless = TestTokenizer.of("~");

    int followed =
        ConstraintWarmUp.run(new ConstraintCompiler(new TokenVocabulary(useless, useless.size())));

    assertEquals(0, followed);
  }
}

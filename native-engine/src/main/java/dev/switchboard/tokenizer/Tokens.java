package dev.switchboard.tokenizer;

import java.util.Set;

/** A model's tokens, each by itself. */
public interface Tokens {
  int size();

  /** The token's bytes as text output shows them: none for control tokens. */
  byte[] bytes(int token);

  /** The token as the vocabulary spells it. */
  String piece(int token);

  boolean isControl(int token);

  /** Every token that ends a generation: EOS, end of turn, end of message. */
  Set<Integer> endOfGeneration();
}

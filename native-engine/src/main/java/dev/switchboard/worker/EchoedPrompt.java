package dev.switchboard.worker;

import dev.switchboard.tokenizer.Tokenizer;

/**
 * Where the tokens of a prompt stand in its text as it is echoed.
 *
 * <p>The text of a prompt of token ids is what they decode to. A text that a caller wrote may have
 * control tokens spelled out, which decode to nothing, and lack the space that some vocabularies
 * read before it: its tokens are laid along it.
 */
record EchoedPrompt(Tokenizer tokenizer, String text) {

  /**
   * Code points before each token from one on.
   *
   * @param from the first that the text has: those before it were added
   */
  int[] offsets(int[] tokens, int from) {
    String[] pieces = pieces(tokens, from);
    boolean decoded = String.join("", pieces).equals(text);
    int[] offsets = new int[pieces.length - 1];
    int at = 0;
    int codePoints = 0;
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = codePoints;
      int token = tokens[from + i];
      boolean spelled = !decoded && tokenizer.isControl(token);
      int end =
          Math.min(text.length(), at + length(spelled ? tokenizer.piece(token) : pieces[i], at));
      codePoints += text.codePointCount(at, end);
      at = end;
    }
    return offsets;
  }

  /** What each token adds to the decoded text, and what is left of a character behind them. */
  private String[] pieces(int[] tokens, int from) {
    Tokenizer.Detokenizer detokenizer = tokenizer.detokenizer();
    String[] pieces = new String[tokens.length - from + 1];
    for (int i = from; i < tokens.length; i++) {
      pieces[i - from] = detokenizer.next(tokens[i]);
    }
    pieces[tokens.length - from] = detokenizer.finish();
    return pieces;
  }

  /** Characters that a piece has of the text from here. */
  private int length(String piece, int at) {
    boolean spaceWasAdded = piece.startsWith(" ") && !text.startsWith(" ", at);
    return spaceWasAdded ? piece.length() - 1 : piece.length();
  }
}

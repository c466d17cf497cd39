package dev.switchboard.worker;

import dev.switchboard.tokenizer.Tokenizer;

/**
 * Spells one control token out, which text output would not show: where a call begins with one, the
 * parser has to see it.
 */
final class MarkedDetokenizer implements Tokenizer.Detokenizer {
  private final Tokenizer.Detokenizer inner;
  private final int token;
  private final String marker;

  private MarkedDetokenizer(Tokenizer.Detokenizer inner, int token, String marker) {
    this.inner = inner;
    this.token = token;
    this.marker = marker;
  }

  /** A detokenizer that shows the marker, whatever kind of token it is. */
  static Tokenizer.Detokenizer of(Tokenizer tokenizer, String marker) {
    Tokenizer.Detokenizer inner = tokenizer.detokenizer();
    int token = tokenizer.tokenId(marker);
    boolean hidden = token >= 0 && tokenizer.isControl(token);
    return hidden ? new MarkedDetokenizer(inner, token, marker) : inner;
  }

  @Override
  public String next(int next) {
    return next == token ? inner.finish() + marker : inner.next(next);
  }

  @Override
  public String finish() {
    return inner.finish();
  }
}

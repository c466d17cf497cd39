package dev.switchboard.tokenizer;

/** What a token is; numbered as in {@code tokenizer.ggml.token_type}. */
enum TokenKind {
  UNDEFINED,
  NORMAL,
  /** Stands for what the vocabulary cannot spell. */
  UNKNOWN,
  /** Structure, never text: BOS, end of turn, roles. */
  CONTROL,
  /** Text that is always one token, whatever the merges say. */
  USER_DEFINED,
  UNUSED,
  /** One byte, spelled {@code <0x0A>}. */
  BYTE;

  private static final TokenKind[] BY_ID = values();

  static TokenKind byId(int id) {
    return id >= 0 && id < BY_ID.length ? BY_ID[id] : UNDEFINED;
  }

  /** Whether encoding plain text may give this token by spelling it. */
  boolean isSpelled() {
    return switch (this) {
      case NORMAL, USER_DEFINED, UNUSED -> true;
      case UNDEFINED, UNKNOWN, CONTROL, BYTE -> false;
    };
  }
}

package dev.switchboard.gguf;

import java.util.Objects;

/** Why a GGUF file cannot be used: a stable reason and a message that names the key or tensor. */
public final class GgufException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final int MAX_QUOTED = 80;

  private final Reason reason;

  public GgufException(Reason reason, String message) {
    super(reason.word() + ": " + message);
    this.reason = reason;
  }

  public GgufException(Reason reason, String message, Throwable cause) {
    super(reason.word() + ": " + message, cause);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }

  @Override
  public String getMessage() {
    return Objects.requireNonNull(super.getMessage());
  }

  /** Text from a file as messages show it: quoted, shortened, without control characters. */
  public static String quote(String text) {
    StringBuilder out = new StringBuilder("'");
    text.codePoints()
        .limit(MAX_QUOTED)
        .forEach(c -> out.appendCodePoint(isPrintable(c) ? c : '\uFFFD'));
    return out.append(text.codePointCount(0, text.length()) > MAX_QUOTED ? "…'" : "'").toString();
  }

  private static boolean isPrintable(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }

  /** What is wrong. The words are stable: tests, logs and metrics may rely on them. */
  public enum Reason {
    IO("io"),
    NOT_GGUF("not-gguf"),
    UNSUPPORTED_VERSION("unsupported-version"),
    BIG_ENDIAN("big-endian"),
    TRUNCATED("truncated"),
    LIMIT("limit"),
    BAD_TEXT("bad-text"),
    BAD_KEY("bad-key"),
    DUPLICATE_KEY("duplicate-key"),
    MISSING_KEY("missing-key"),
    UNKNOWN_VALUE_TYPE("unknown-value-type"),
    WRONG_VALUE_TYPE("wrong-value-type"),
    BAD_VALUE("bad-value"),
    BAD_ALIGNMENT("bad-alignment"),
    BAD_PART("bad-part"),
    BAD_TENSOR_NAME("bad-tensor-name"),
    DUPLICATE_TENSOR("duplicate-tensor"),
    MISSING_TENSOR("missing-tensor"),
    UNEXPECTED_TENSOR("unexpected-tensor"),
    UNKNOWN_TENSOR_TYPE("unknown-tensor-type"),
    UNSUPPORTED_TENSOR_TYPE("unsupported-tensor-type"),
    BAD_SHAPE("bad-shape"),
    MISALIGNED_TENSOR("misaligned-tensor"),
    TENSOR_OUT_OF_FILE("tensor-out-of-file"),
    OVERLAPPING_TENSORS("overlapping-tensors"),
    UNSUPPORTED_ARCHITECTURE("unsupported-architecture"),
    UNSUPPORTED_FEATURE("unsupported-feature"),
    BAD_TOKENIZER("bad-tokenizer"),
    UNSUPPORTED_TOKENIZER("unsupported-tokenizer");

    private final String word;

    Reason(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }
}

package dev.switchboard.gguf;

import org.jspecify.annotations.Nullable;

/** Model architectures the engine computes; ids as {@code sb_arch}. */
public enum Architecture {
  LLAMA(1, "llama", RopeKind.NORM),
  QWEN2(2, "qwen2", RopeKind.NEOX),
  QWEN3(3, "qwen3", RopeKind.NEOX);

  private final int id;
  private final String word;
  private final RopeKind ropeKind;

  Architecture(int id, String word, RopeKind ropeKind) {
    this.id = id;
    this.word = word;
    this.ropeKind = ropeKind;
  }

  static @Nullable Architecture byWord(String word) {
    for (Architecture architecture : values()) {
      if (architecture.word.equals(word)) {
        return architecture;
      }
    }
    return null;
  }

  public int id() {
    return id;
  }

  /** The name in {@code general.architecture}, and the prefix of its keys. */
  public String word() {
    return word;
  }

  RopeKind ropeKind() {
    return ropeKind;
  }

  /** Which dimensions of a head rotate together; ids as {@code sb_rope_kind}. */
  public enum RopeKind {
    /** Pairs (2i, 2i + 1). */
    NORM(0),
    /** Pairs (i, i + half). */
    NEOX(1);

    private final int id;

    RopeKind(int id) {
      this.id = id;
    }

    public int id() {
      return id;
    }
  }
}

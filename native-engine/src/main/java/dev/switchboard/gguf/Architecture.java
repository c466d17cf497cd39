package dev.switchboard.gguf;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Model architectures the engine computes; ids as {@code sb_arch}. */
public enum Architecture {
  LLAMA(1, "llama", RopeKind.NORM),
  QWEN2(2, "qwen2", RopeKind.NEOX),
  QWEN3(3, "qwen3", RopeKind.NEOX),
  GEMMA2(4, "gemma2", RopeKind.NEOX),
  GEMMA3(5, "gemma3", RopeKind.NEOX),
  PHI3(6, "phi3", RopeKind.NEOX),
  BERT(7, "bert", RopeKind.NEOX),
  NOMIC_BERT(8, "nomic-bert", RopeKind.NEOX);

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

  /** The one of the same family whose version is nearest; null where there is none. */
  static @Nullable Architecture nearest(String word) {
    Architecture best = null;
    int most = 2;
    for (Architecture architecture : values()) {
      int same = sharedBeginning(architecture.word, word);
      if (same > most) {
        best = architecture;
        most = same;
      }
    }
    return best != null || !word.endsWith("bert") ? best : BERT;
  }

  private static int sharedBeginning(String one, String other) {
    int length = 0;
    while (length < Math.min(one.length(), other.length())
        && one.charAt(length) == other.charAt(length)) {
      length++;
    }
    return length;
  }

  static String words() {
    return Arrays.stream(values()).map(Architecture::word).collect(Collectors.joining(", "));
  }

  public int id() {
    return id;
  }

  /** Whether it gives one vector for a whole text, and no tokens. */
  public boolean isEncoder() {
    return this == BERT || this == NOMIC_BERT;
  }

  boolean isGemma() {
    return this == GEMMA2 || this == GEMMA3;
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

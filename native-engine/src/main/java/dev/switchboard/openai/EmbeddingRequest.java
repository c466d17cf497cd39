package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A valid {@code POST /v1/embeddings}.
 *
 * @param texts at least one
 * @param dimensions of the vectors wanted; null for all the model gives
 * @param priority the higher the sooner
 */
public record EmbeddingRequest(
    String model, List<Text> texts, Encoding encoding, @Nullable Integer dimensions, int priority) {
  /**
   * Texts of one request that a worker computes at once, also of one that ranks: more than a step
   * holds, so that steps are full.
   */
  public static final int TEXTS_AT_ONCE = 128;

  public EmbeddingRequest {
    texts = List.copyOf(texts);
  }

  /** How a vector is written. */
  public enum Encoding {
    /** A JSON array of numbers. */
    FLOAT,
    /** The little-endian bytes of its floats. */
    BASE64
  }

  /** What to embed, and where it stands in the request. */
  public sealed interface Text {
    String path();
  }

  /** Plain text; the tokens around it are the model's affair. */
  public record PlainText(String path, String text) implements Text {}

  /** Token ids, taken as they are. */
  public record Tokens(String path, int[] ids) implements Text {}
}

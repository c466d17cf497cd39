package dev.switchboard.openai;

import dev.switchboard.constraint.ConstraintSource;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an answer must look like.
 *
 * @param field where the request says so, for complaints about it
 * @param parts of the source that stand in fields of their own, for complaints about one of them
 */
public record AnswerShape(String field, ConstraintSource source, List<Part> parts) {
  public AnswerShape {
    parts = List.copyOf(parts);
  }

  public AnswerShape(String field, ConstraintSource source) {
    this(field, source, List.of());
  }

  /**
   * A part.
   *
   * @param tool the function whose arguments it describes; null for none
   */
  public record Part(String field, @Nullable String tool, ConstraintSource source) {}
}

package dev.switchboard.constraint;

import java.util.List;

/** What an answer must look like, as asked for; equal sources share one compiled constraint. */
public sealed interface ConstraintSource {

  /** Any JSON object. */
  record JsonObject() implements ConstraintSource {}

  /**
   * A JSON value that a schema describes.
   *
   * @param schema JSON text: an object or a boolean
   */
  record JsonSchema(String schema) implements ConstraintSource {}

  /** Text that an expression matches from its first to its last character. */
  record Regex(String pattern) implements ConstraintSource {}

  /** Text that a grammar in GBNF derives from {@code root}. */
  record Grammar(String text) implements ConstraintSource {}

  /** Exactly this text. */
  record Text(String text) implements ConstraintSource {}

  /**
   * Exactly this control token.
   *
   * @param piece as the vocabulary spells it
   */
  record ControlToken(String piece) implements ConstraintSource {}

  /** One after the other. */
  record Sequence(List<ConstraintSource> parts) implements ConstraintSource {
    public Sequence {
      parts = List.copyOf(parts);
    }
  }

  /** One of them. */
  record Choice(List<ConstraintSource> options) implements ConstraintSource {
    public Choice {
      options = List.copyOf(options);
    }
  }

  /**
   * So many times.
   *
   * @param most -1 for any number
   */
  record Repeat(ConstraintSource body, int least, int most) implements ConstraintSource {}

  /**
   * Free text up to the first occurrence of a trigger, then the body.
   *
   * @param trigger a {@link Text} or a {@link ControlToken}
   * @param optional whether the answer may end without the trigger
   */
  record After(ConstraintSource trigger, ConstraintSource body, boolean optional)
      implements ConstraintSource {
    public After {
      if (!(trigger instanceof Text) && !(trigger instanceof ControlToken)) {
        throw new IllegalArgumentException("a trigger is a text or a control token");
      }
    }
  }
}

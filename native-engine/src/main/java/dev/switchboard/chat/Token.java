package dev.switchboard.chat;

/**
 * A piece of a template.
 *
 * @param text of a name or operator; the value of a string; the digits of a number
 */
record Token(Kind kind, String text, int line) {

  enum Kind {
    DATA("text"),
    BLOCK_BEGIN("'{%'"),
    BLOCK_END("'%}'"),
    VARIABLE_BEGIN("'{{'"),
    VARIABLE_END("'}}'"),
    NAME("name"),
    STRING("string"),
    INTEGER("integer"),
    FLOAT("float"),
    OPERATOR("operator"),
    END("end of template");

    private final String words;

    Kind(String words) {
      this.words = words;
    }
  }

  boolean isOperator(String sign) {
    return kind == Kind.OPERATOR && text.equals(sign);
  }

  boolean isName(String name) {
    return kind == Kind.NAME && text.equals(name);
  }

  /** For complaints. */
  String describe() {
    return kind == Kind.NAME || kind == Kind.OPERATOR ? "'" + text + "'" : kind.words;
  }
}

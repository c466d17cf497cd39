package dev.switchboard.openai;

/** The answer to {@code POST /detokenize}. */
public record DetokenizeAnswer(String prompt) {

  /** The body. */
  public String toJson() {
    return new JsonWriter(prompt.length() + 32)
        .raw("{\"prompt\":")
        .string(prompt)
        .raw("}")
        .toString();
  }
}

package dev.switchboard.openai;

/**
 * A valid {@code POST /tokenize}.
 *
 * @param reading as the completion endpoints read a text
 * @param returnTokenStrings whether the answer also spells each token
 */
public record TokenizeRequest(
    String model, Source source, TextReading reading, boolean returnTokenStrings) {

  /** What to turn into tokens. */
  public sealed interface Source {}

  /** Plain text; may be empty. */
  public record Text(String text) implements Source {}

  /** A chat, which the model's template renders first. */
  public record Chat(Conversation conversation) implements Source {}
}

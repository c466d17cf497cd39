package dev.switchboard.openai;

/**
 * A valid {@code POST /tokenize}.
 *
 * @param addSpecialTokens whether a token that begins every text of the model is put in front where
 *     it is missing, as the completion endpoints do
 * @param returnTokenStrings whether the answer also spells each token
 */
public record TokenizeRequest(
    String model, Source source, boolean addSpecialTokens, boolean returnTokenStrings) {

  /** What to turn into tokens. */
  public sealed interface Source {}

  /** Plain text; may be empty. */
  public record Text(String text) implements Source {}

  /** A chat, which the model's template renders first. */
  public record Chat(Conversation conversation) implements Source {}
}

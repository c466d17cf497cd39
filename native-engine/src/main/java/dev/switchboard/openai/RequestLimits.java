package dev.switchboard.openai;

/**
 * How much of a request is read. Everything is checked before memory is taken for it.
 *
 * @param bodyBytes the whole body
 * @param jsonDepth nested objects and arrays
 * @param jsonTokens JSON tokens in the body; bounds what its tree can cost
 * @param stringChars one string value
 * @param nameChars one field name
 * @param numberChars digits of one number
 * @param messages of a chat
 * @param tools of a chat
 * @param prompts of a completion request; also bounds prompts × {@code n}
 * @param promptTokens token ids of all prompts together, and of what is turned into text or back
 */
public record RequestLimits(
    int bodyBytes,
    int jsonDepth,
    int jsonTokens,
    int stringChars,
    int nameChars,
    int numberChars,
    int messages,
    int tools,
    int prompts,
    int promptTokens) {

  public static final RequestLimits DEFAULT =
      new RequestLimits(8 << 20, 64, 400_000, 4 << 20, 1024, 64, 2048, 128, 128, 131_072);
}

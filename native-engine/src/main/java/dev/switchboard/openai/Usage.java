package dev.switchboard.openai;

/**
 * Tokens of a whole request.
 *
 * @param promptTokens of all prompts
 * @param cachedTokens of these, taken from the prefix cache
 * @param completionTokens of all choices
 */
public record Usage(int promptTokens, int cachedTokens, int completionTokens) {

  void write(JsonWriter json) {
    json.raw("{\"prompt_tokens\":").number(promptTokens);
    json.raw(",\"completion_tokens\":").number(completionTokens);
    json.raw(",\"total_tokens\":").number((long) promptTokens + completionTokens);
    json.raw(",\"prompt_tokens_details\":{\"cached_tokens\":").number(cachedTokens).raw("}}");
  }
}

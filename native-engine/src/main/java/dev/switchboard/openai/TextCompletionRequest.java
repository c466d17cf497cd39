package dev.switchboard.openai;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A valid {@code POST /v1/completions}.
 *
 * @param prompts at least one; each has {@code options.n()} choices
 * @param suffix what comes behind the answer; null for nothing that is known
 * @param reading how prompts of text become tokens
 * @param echo the answer begins with the prompt
 * @param raw the whole body, unknown fields included
 */
public record TextCompletionRequest(
    String model,
    List<Prompt> prompts,
    @Nullable String suffix,
    TextReading reading,
    boolean echo,
    GenerationOptions options,
    ObjectNode raw) {
  public TextCompletionRequest {
    prompts = List.copyOf(prompts);
  }

  /** What to continue. */
  public sealed interface Prompt {}

  /** A prompt in words; may be empty. */
  public record TextPrompt(String text) implements Prompt {}

  /** A prompt in token ids, at least one, none negative; the vocabulary's bound is the model's. */
  public record TokenPrompt(int[] tokens) implements Prompt {}
}

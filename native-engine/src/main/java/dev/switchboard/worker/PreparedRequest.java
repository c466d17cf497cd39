package dev.switchboard.worker;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.openai.AnswerShape;
import dev.switchboard.openai.GenerationOptions;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request after parsing, rendering and tokenizing: what the engine will be asked for.
 *
 * @param echo whether the answer begins with the prompt
 * @param tools that the answer may call; null for none
 * @param promptField the request's field that holds the prompt, for errors
 * @param shape what the answer must look like; null for anything
 * @param constraint the shape compiled; null without one, and until it is
 */
record PreparedRequest(
    Api api,
    GenerationOptions options,
    boolean echo,
    @Nullable OfferedTools tools,
    String promptField,
    List<Prompt> prompts,
    @Nullable AnswerShape shape,
    @Nullable Constraint constraint) {
  PreparedRequest {
    prompts = List.copyOf(prompts);
  }

  /** Whose answers look how. */
  enum Api {
    CHAT,
    TEXT
  }

  /**
   * One prompt.
   *
   * @param tokens at least one
   * @param addedTokens how many at the front the caller did not write (BOS)
   * @param text as echoed; null when nothing is echoed
   */
  record Prompt(int[] tokens, int addedTokens, @Nullable String text) {}

  /** The same with its shape compiled. */
  PreparedRequest with(Constraint compiled) {
    return new PreparedRequest(api, options, echo, tools, promptField, prompts, shape, compiled);
  }

  int promptTokens() {
    return prompts.stream().mapToInt(prompt -> prompt.tokens().length).sum();
  }
}

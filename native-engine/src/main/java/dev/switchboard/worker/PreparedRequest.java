package dev.switchboard.worker;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.openai.AnswerShape;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.GenerationOptions;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request after parsing, rendering and tokenizing: what the engine will be asked for.
 *
 * @param echo whether the answer begins with the prompt
 * @param tools that the answer may call; null for none
 * @param promptField the request's field that holds the prompt, for errors
 * @param shape what the answer must look like; null for anything, and once it is compiled
 * @param shapeField the request's field that says so, for errors; null for anything
 * @param constraint the shape compiled; null without one, and until it is
 * @param soFar what another worker answered of it; null for an answer that begins here
 */
record PreparedRequest(
    Api api,
    GenerationOptions options,
    boolean echo,
    @Nullable OfferedTools tools,
    String promptField,
    List<Prompt> prompts,
    @Nullable AnswerShape shape,
    @Nullable String shapeField,
    @Nullable Constraint constraint,
    @Nullable AnswerSoFar soFar) {
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

  /** One that is not compiled yet, and begins here. */
  static PreparedRequest of(
      Api api,
      GenerationOptions options,
      boolean echo,
      @Nullable OfferedTools tools,
      String promptField,
      List<Prompt> prompts,
      @Nullable AnswerShape shape) {
    String field = shape == null ? null : shape.field();
    return new PreparedRequest(
        api, options, echo, tools, promptField, prompts, shape, field, null, null);
  }

  /** The same with its shape compiled, whose text is not needed any more. */
  PreparedRequest with(Constraint compiled) {
    GenerationOptions rest = options.withoutShape();
    return new PreparedRequest(
        api, rest, echo, tools, promptField, prompts, null, shapeField, compiled, soFar);
  }

  /**
   * The same, to be gone on with.
   *
   * @throws ApiException when the answer cannot be this request's
   */
  PreparedRequest after(AnswerSoFar answered, int vocabulary) {
    if (!options.stream()) {
      throw AnswerSoFar.invalid("is for streams");
    }
    int choices = prompts.size() * options.n();
    BitSet seen = new BitSet();
    for (AnswerSoFar.Choice choice : answered.choices()) {
      boolean twice = seen.get(choice.index());
      seen.set(choice.index());
      if (twice || choice.index() >= choices) {
        throw AnswerSoFar.invalid("has a choice that was not asked for");
      }
      for (int token : choice.tokens()) {
        if (token < 0 || token >= vocabulary) {
          throw AnswerSoFar.invalid("has a token that is not in the vocabulary");
        }
      }
    }
    return new PreparedRequest(
        api, options, echo, tools, promptField, prompts, shape, shapeField, constraint, answered);
  }

  /** What was answered of a choice; null when it begins here. */
  AnswerSoFar.@Nullable Choice soFar(int index) {
    return soFar == null ? null : soFar.choice(index);
  }

  int promptTokens() {
    return prompts.stream().mapToInt(prompt -> prompt.tokens().length).sum();
  }
}

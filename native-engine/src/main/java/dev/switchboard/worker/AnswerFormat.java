package dev.switchboard.worker;

import dev.switchboard.openai.ChatAnswer;
import dev.switchboard.openai.ChatStreamWriter;
import dev.switchboard.openai.FinishReason;
import dev.switchboard.openai.ResponseIdentity;
import dev.switchboard.openai.TextAnswer;
import dev.switchboard.openai.TextStreamWriter;
import dev.switchboard.openai.TokenLogprob;
import dev.switchboard.openai.ToolCallDelta;
import dev.switchboard.openai.Usage;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How one API writes the answer to one request: frames of a stream, or a whole body. */
sealed interface AnswerFormat {

  /**
   * A piece of a choice.
   *
   * @param tokens in order; null when no log-probabilities were asked for
   * @param calls what became known of them since the piece before
   */
  record Passage(
      String text, @Nullable List<TextAssembly.PlacedToken> tokens, List<ToolCallDelta> calls) {}

  /** A whole choice. */
  record Answer(int choice, Passage passage, FinishReason reason) {}

  ResponseIdentity identity();

  /** What opens a choice, before its first text; may be empty. */
  String first(int choice);

  /** New text, and new calls. */
  String delta(int choice, Passage passage);

  /**
   * The end of a choice.
   *
   * @param switchboard the {@code switchboard} object, in the stream's last frame
   */
  String finish(int choice, FinishReason reason, @Nullable String switchboard);

  /** The frame that ends a stream whose caller asked for usage. */
  String usage(Usage usage, @Nullable String switchboard);

  /** The body of an answer that is not streamed. */
  String whole(List<Answer> answers, Usage usage, @Nullable String switchboard);

  /** Chat completions. */
  record Chat(ResponseIdentity identity, ChatStreamWriter writer, TokenTexts texts)
      implements AnswerFormat {

    @Override
    public String first(int choice) {
      return writer.first(choice);
    }

    @Override
    public String delta(int choice, Passage passage) {
      StringBuilder frames = new StringBuilder();
      List<TokenLogprob> untold = texts.logprobs(passage.tokens());
      if (!passage.text().isEmpty() || passage.calls().isEmpty()) {
        frames.append(writer.delta(choice, passage.text(), untold));
        untold = null;
      }
      for (ToolCallDelta call : passage.calls()) {
        frames.append(writer.toolCall(choice, call, untold));
        untold = null;
      }
      return frames.toString();
    }

    @Override
    public String finish(int choice, FinishReason reason, @Nullable String switchboard) {
      return writer.finish(choice, reason, switchboard);
    }

    @Override
    public String usage(Usage usage, @Nullable String switchboard) {
      return writer.usage(usage, switchboard);
    }

    @Override
    public String whole(List<Answer> answers, Usage usage, @Nullable String switchboard) {
      return new ChatAnswer(identity, answers.stream().map(this::choice).toList(), usage)
          .toJson(switchboard);
    }

    private ChatAnswer.Choice choice(Answer answer) {
      Passage passage = answer.passage();
      return new ChatAnswer.Choice(
          answer.choice(),
          passage.text(),
          passage.calls().stream().map(ToolCallDelta::call).toList(),
          answer.reason(),
          texts.logprobs(passage.tokens()));
    }
  }

  /** Text completions. */
  record Text(ResponseIdentity identity, TextStreamWriter writer, TokenTexts texts)
      implements AnswerFormat {

    @Override
    public String first(int choice) {
      return "";
    }

    @Override
    public String delta(int choice, Passage passage) {
      return writer.delta(choice, passage.text(), texts.logprobs(passage.tokens()));
    }

    @Override
    public String finish(int choice, FinishReason reason, @Nullable String switchboard) {
      return writer.finish(choice, reason, switchboard);
    }

    @Override
    public String usage(Usage usage, @Nullable String switchboard) {
      return writer.usage(usage, switchboard);
    }

    @Override
    public String whole(List<Answer> answers, Usage usage, @Nullable String switchboard) {
      return new TextAnswer(identity, answers.stream().map(this::choice).toList(), usage)
          .toJson(switchboard);
    }

    private TextAnswer.Choice choice(Answer answer) {
      Passage passage = answer.passage();
      return new TextAnswer.Choice(
          answer.choice(), passage.text(), answer.reason(), texts.logprobs(passage.tokens()));
    }
  }
}

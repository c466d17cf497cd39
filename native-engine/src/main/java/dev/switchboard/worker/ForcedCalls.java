package dev.switchboard.worker;

import com.fasterxml.jackson.databind.node.TextNode;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.ConstraintSource.Choice;
import dev.switchboard.constraint.ConstraintSource.ControlToken;
import dev.switchboard.constraint.ConstraintSource.JsonSchema;
import dev.switchboard.constraint.ConstraintSource.Repeat;
import dev.switchboard.constraint.ConstraintSource.Sequence;
import dev.switchboard.constraint.ConstraintSource.Text;
import dev.switchboard.openai.AnswerShape;
import dev.switchboard.openai.ToolUse;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.toolcall.ToolFormat;
import java.util.ArrayList;
import java.util.List;

/**
 * What an answer looks like that has to be a function call: the model's own format around a call of
 * one of the functions, whose arguments are held to its schema.
 */
final class ForcedCalls {
  /** Calls of one answer; a weak model would else repeat itself to the end of its context. */
  private static final int MOST_CALLS = 8;

  private static final String HERMES_END = "</tool_call>";

  private final ToolFormat format;
  private final Tokenizer tokenizer;

  private ForcedCalls(ToolFormat format, Tokenizer tokenizer) {
    this.format = format;
    this.tokenizer = tokenizer;
  }

  /**
   * The shape of the answer.
   *
   * @param use whose choice forces a call
   * @param format how the model writes calls; never {@code NONE}
   */
  static AnswerShape shape(ToolUse use, ToolFormat format, Tokenizer tokenizer) {
    List<ConstraintSource> calls = new ArrayList<>();
    List<AnswerShape.Part> parts = new ArrayList<>();
    for (int i = 0; i < use.functions().size(); i++) {
      ToolUse.Function function = use.functions().get(i);
      if (use.named() == null || use.named().equals(function.name())) {
        calls.add(call(function, format));
        String field = "tools[" + i + "].function.parameters";
        parts.add(new AnswerShape.Part(field, function.name(), arguments(function)));
      }
    }
    boolean several = use.parallel() && use.choice() == ToolUse.Choice.REQUIRED;
    ConstraintSource one = calls.size() == 1 ? calls.getFirst() : new Choice(calls);
    return new AnswerShape("tools", new ForcedCalls(format, tokenizer).answer(one, several), parts);
  }

  private static ConstraintSource call(ToolUse.Function function, ToolFormat format) {
    String member = format == ToolFormat.LLAMA ? "parameters" : "arguments";
    String head = "{\"name\": " + quoted(function.name()) + ", \"" + member + "\": ";
    return new Sequence(List.of(new Text(head), arguments(function), new Text("}")));
  }

  private static String quoted(String name) {
    return TextNode.valueOf(name).toString();
  }

  private static ConstraintSource arguments(ToolUse.Function function) {
    String schema = function.parameters();
    return schema == null ? new Text("{}") : new JsonSchema(schema);
  }

  private ConstraintSource answer(ConstraintSource call, boolean several) {
    return switch (format) {
      // Its template knows one call in a turn.
      case LLAMA -> call;
      case HERMES -> separated(hermes(call), "\n", several);
      case MISTRAL ->
          new Sequence(
              List.of(
                  spelled(format.marker()),
                  new Text("["),
                  separated(call, ", ", several),
                  new Text("]")));
      case NONE -> throw new IllegalArgumentException("there is no format to write calls in");
    };
  }

  private ConstraintSource hermes(ConstraintSource call) {
    return new Sequence(
        List.of(
            spelled(format.marker()), new Text("\n"), call, new Text("\n"), spelled(HERMES_END)));
  }

  private static ConstraintSource separated(
      ConstraintSource call, String separator, boolean several) {
    if (!several) {
      return call;
    }
    ConstraintSource next = new Sequence(List.of(new Text(separator), call));
    return new Sequence(List.of(call, new Repeat(next, 0, MOST_CALLS - 1)));
  }

  /** As the model was taught it: by its control token, where it has one. */
  private ConstraintSource spelled(String marker) {
    int token = tokenizer.tokenId(marker);
    boolean control = token >= 0 && tokenizer.isControl(token);
    return control ? new ControlToken(marker) : new Text(marker);
  }
}

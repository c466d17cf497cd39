package dev.switchboard.worker;

import com.fasterxml.jackson.databind.node.TextNode;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.ConstraintSource.After;
import dev.switchboard.constraint.ConstraintSource.Choice;
import dev.switchboard.constraint.ConstraintSource.ControlToken;
import dev.switchboard.constraint.ConstraintSource.Grammar;
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

  /**
   * The shape of an answer that is text, calls, or text and calls behind it. Of a function that is
   * not strict the arguments are any object.
   *
   * @param use with a function that is strict
   * @param format how the model writes calls; never {@code NONE}
   */
  static AnswerShape free(ToolUse use, ToolFormat format, Tokenizer tokenizer) {
    List<ConstraintSource> calls =
        use.functions().stream().map(function -> freeCall(function, format)).toList();
    ConstraintSource one = calls.size() == 1 ? calls.getFirst() : new Choice(calls);
    ForcedCalls forced = new ForcedCalls(format, tokenizer);
    return new AnswerShape("tools", forced.text(one, use.parallel()));
  }

  private static ConstraintSource freeCall(ToolUse.Function function, ToolFormat format) {
    ToolUse.Function loose = new ToolUse.Function(function.name(), "{\"type\":\"object\"}", false);
    return call(function.strict() ? function : loose, format);
  }

  private ConstraintSource text(ConstraintSource call, boolean several) {
    if (format == ToolFormat.LLAMA) {
      return new Choice(List.of(call, new Grammar("root ::= ([^{ \\t\\n\\r] .*)?")));
    }
    List<ConstraintSource> parts = new ArrayList<>(((Sequence) answer(call, several)).parts());
    if (format == ToolFormat.HERMES && several) {
      // The first call's own parts come behind the marker that ends the text.
      parts = new ArrayList<>(((Sequence) hermes(call)).parts());
      ConstraintSource next = new Sequence(List.of(new Text("\n"), hermes(call)));
      parts.add(new Repeat(next, 0, MOST_CALLS - 1));
    }
    ConstraintSource marker = parts.removeFirst();
    return new After(marker, new Sequence(parts), true);
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

package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.ConstraintSource.JsonSchema;
import dev.switchboard.constraint.ConstraintSource.Sequence;
import dev.switchboard.constraint.ConstraintSource.Text;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.openai.ToolUse;
import dev.switchboard.toolcall.ToolFormat;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is demanded of an answer that has to be a call, in each format. */
class ForcedCallsTest {
  private static final String SCHEMA = "{\"type\":\"object\"}";
  private static final List<ToolUse.Function> FUNCTIONS =
      List.of(new ToolUse.Function("f", SCHEMA, false), new ToolUse.Function("g\"", null, false));

  private static ConstraintSource source(
      ToolFormat format, ToolUse.Choice choice, @Nullable String named, boolean parallel) {
    return ForcedCalls.shape(
            new ToolUse(choice, FUNCTIONS, named, parallel), format, new ByteTokenizer(false))
        .source();
  }

  @Test
  void aNamedFunctionIsTheOnlyOne() {
    assertEquals(
        new Sequence(
            List.of(
                new Text("{\"name\": \"f\", \"parameters\": "),
                new JsonSchema(SCHEMA),
                new Text("}"))),
        source(ToolFormat.LLAMA, ToolUse.Choice.NAMED, "f", true));
  }

  @Test
  void aFunctionWithoutParametersTakesNone() {
    assertEquals(
        new Sequence(
            List.of(
                new Text("{\"name\": \"g\\\"\", \"parameters\": "), new Text("{}"), new Text("}"))),
        source(ToolFormat.LLAMA, ToolUse.Choice.NAMED, "g\"", false));
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aStrictFunctionsFreeCallsAreHeldToItsSchema(ToolFormat format) {
    String schema =
        "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"null\"}},\"required\":[\"n\"]}";
    ToolUse use =
        new ToolUse(
            ToolUse.Choice.AUTO, List.of(new ToolUse.Function("f", schema, true)), null, false);
    Constraint constraint =
        new ConstraintCompiler(new TokenVocabulary(new ByteTokenizer(false), ByteTokenizer.SIZE))
            .compile(ForcedCalls.free(use, format, new ByteTokenizer(false)).source());

    assertTrue(constraint.isWhole("It is fine. {x}"));
    assertTrue(constraint.isWhole(called(format, "{\"n\":null}")));
    assertFalse(constraint.isWhole(called(format, "{\"n\":1}")));
    assertFalse(constraint.isWhole(called(format, "{}")));
  }

  private static String called(ToolFormat format, String arguments) {
    String member = format == ToolFormat.LLAMA ? "parameters" : "arguments";
    String call = "{\"name\": \"f\", \"" + member + "\": " + arguments + "}";
    return switch (format) {
      case HERMES -> "So: <tool_call>\n" + call + "\n</tool_call>";
      case MISTRAL -> "[TOOL_CALLS][" + call + "]";
      case LLAMA, NONE -> call;
    };
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void everyFormatCanBeCompiled(ToolFormat format) {
    ConstraintCompiler compiler =
        new ConstraintCompiler(new TokenVocabulary(new ByteTokenizer(false), ByteTokenizer.SIZE));
    Map<ToolUse.Choice, @Nullable String> choices = new EnumMap<>(ToolUse.Choice.class);
    choices.put(ToolUse.Choice.REQUIRED, null);
    choices.put(ToolUse.Choice.NAMED, "f");

    choices.forEach(
        (choice, named) -> {
          compiler.compile(source(format, choice, named, true));
          compiler.compile(source(format, choice, named, false));
        });
  }
}

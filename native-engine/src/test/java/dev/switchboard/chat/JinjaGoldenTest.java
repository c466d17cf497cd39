package dev.switchboard.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.chat.ChatTemplate.TemplateException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The language itself, feature by feature, and templates that use it the way public ones do. */
class JinjaGoldenTest {
  private static final String FOLDER = "jinja/";
  private static final JsonNode GOLDEN = GoldenTemplates.json(FOLDER + "golden.json");
  private static final Map<String, @Nullable Object> VARIABLES =
      GoldenTemplates.plain(GoldenTemplates.json(FOLDER + "variables.json"));
  private static final JsonNode CONVERSATIONS = GoldenTemplates.json(FOLDER + "conversations.json");

  static Stream<Arguments> expressions() {
    List<Arguments> cases = new ArrayList<>();
    GOLDEN
        .get("expressions")
        .forEach(each -> cases.add(Arguments.of(each.get("template").textValue(), each)));
    return cases.stream();
  }

  static Stream<Arguments> templates() {
    List<Arguments> cases = new ArrayList<>();
    for (Map.Entry<String, JsonNode> template : GOLDEN.get("templates").properties()) {
      for (Map.Entry<String, JsonNode> each : template.getValue().properties()) {
        cases.add(Arguments.of(template.getKey(), each.getKey(), each.getValue()));
      }
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("expressions")
  void expressionRendersAsInPython(String source, JsonNode expected) {
    assertRenders(source, VARIABLES, expected);
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("templates")
  void templateRendersAsInPython(String file, String conversation, JsonNode expected) {
    Map<String, @Nullable Object> variables =
        GoldenTemplates.plain(CONVERSATIONS.get(conversation));
    variables.put("bos_token", "<BOS>");
    variables.put("eos_token", "<EOS>");

    assertRenders(GoldenTemplates.text(FOLDER + file), variables, expected);
  }

  private static void assertRenders(
      String source, Map<String, @Nullable Object> variables, JsonNode expected) {
    if (!expected.has("error")) {
      String text = GoldenTemplates.compile(source).render(variables).text();
      assertEquals(expected.get("output").textValue(), text);
      return;
    }
    TemplateException error =
        assertThrows(
            TemplateException.class, () -> GoldenTemplates.compile(source).render(variables));
    if (expected.has("message")) {
      assertEquals(expected.get("message").textValue(), error.getMessage());
    }
  }
}

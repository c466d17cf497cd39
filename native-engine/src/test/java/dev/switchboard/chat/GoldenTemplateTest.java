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

/**
 * Published templates render as in Python, character for character: those of the resources, or with
 * {@code -Dswitchboard.golden.templates} any that {@code make_golden.py} rendered in a folder.
 */
class GoldenTemplateTest {
  private static final JsonNode GOLDEN =
      GoldenTemplates.parse(GoldenTemplates.published("golden.json"));

  static Stream<Arguments> cases() {
    List<Arguments> cases = new ArrayList<>();
    GOLDEN
        .get("templates")
        .properties()
        .forEach(
            template ->
                template
                    .getValue()
                    .properties()
                    .forEach(
                        each ->
                            cases.add(
                                Arguments.of(template.getKey(), each.getKey(), each.getValue()))));
    return cases.stream();
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("cases")
  void rendersAsPythonDoes(String file, String name, JsonNode expected) {
    ChatTemplate template = GoldenTemplates.compile(GoldenTemplates.published(file));
    Map<String, @Nullable Object> variables = variables(GOLDEN.get("cases").get(name));

    if (expected.has("error")) {
      TemplateException error =
          assertThrows(TemplateException.class, () -> template.render(variables));
      String wanted = expected.get("error").textValue();
      if (wanted.startsWith("TemplateError: ")) {
        assertEquals(wanted, "TemplateError: " + error.getMessage());
      }
    } else {
      assertEquals(expected.get("output").textValue(), template.render(variables).text());
    }
  }

  private static Map<String, @Nullable Object> variables(JsonNode conversation) {
    Map<String, @Nullable Object> variables = GoldenTemplates.plain(conversation);
    variables.putIfAbsent("add_generation_prompt", true);
    variables.put("bos_token", "<BOS>");
    variables.put("eos_token", "<EOS>");
    return variables;
  }
}

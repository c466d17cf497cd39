package dev.switchboard.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.chat.ChatTemplate.TemplateException;
import dev.switchboard.golden.Published;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Published templates render as in Python, character for character: those beside the checkout, or
 * with {@code -Dswitchboard.golden.templates} any that {@code make_golden.py} rendered in a folder.
 * The project's own are in {@link JinjaGoldenTest}.
 */
class GoldenTemplateTest {

  @TestFactory
  List<DynamicTest> publishedTemplatesRenderAsInPython() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path golden :
        Published.files("switchboard.golden.templates", "chat_templates", "golden.json")) {
      addTests(golden, tests);
    }
    Published.ran(tests.size(), "renderings of chat templates");
    return tests;
  }

  private static void addTests(Path goldenFile, List<DynamicTest> tests) throws IOException {
    JsonNode golden = GoldenTemplates.parse(Files.readString(goldenFile));
    for (Map.Entry<String, JsonNode> template : golden.get("templates").properties()) {
      String source = Files.readString(goldenFile.resolveSibling(template.getKey()));
      for (Map.Entry<String, JsonNode> each : template.getValue().properties()) {
        JsonNode conversation = golden.get("cases").get(each.getKey());
        tests.add(
            DynamicTest.dynamicTest(
                template.getKey() + " " + each.getKey(),
                () -> rendersAsPythonDoes(source, conversation, each.getValue())));
      }
    }
  }

  private static void rendersAsPythonDoes(String source, JsonNode conversation, JsonNode expected) {
    ChatTemplate template = GoldenTemplates.compile(source);
    Map<String, @Nullable Object> variables = variables(conversation);

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

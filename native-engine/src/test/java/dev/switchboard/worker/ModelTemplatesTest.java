package dev.switchboard.worker;

import static dev.switchboard.gguf.GgufBuilder.llama;
import static dev.switchboard.gguf.GgufBuilder.string;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.switchboard.chat.ChatTemplate;
import dev.switchboard.gguf.GgufBuilder;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.toolcall.ToolFormat;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which template a loaded model renders a conversation with. */
class ModelTemplatesTest {
  private static final String PLAIN = "plain";
  private static final String FOR_TOOLS =
      "{% for tool in tools %}{{ tool }}{% endfor %}<tool_call>";

  @TempDir Path directory;

  @Test
  void aConversationWithToolsHasTheTemplateThatTheModelHasForThem() throws Exception {
    ServedModel model =
        load(
            llama()
                .put("tokenizer.chat_template", string(PLAIN))
                .put("tokenizer.chat_template.tool_use", string(FOR_TOOLS)),
            null);

    assertEquals("a tool<tool_call>", rendered(model, List.of("a tool")));
    assertEquals("plain", rendered(model, null));
    assertEquals(ToolFormat.HERMES, model.toolFormat());
  }

  @Test
  void aModelOfOneTemplateHasItForEveryConversation() throws Exception {
    ServedModel plain = load(llama().put("tokenizer.chat_template", string(PLAIN)), null);
    ServedModel forTools =
        load(llama().put("tokenizer.chat_template.tool_use", string(FOR_TOOLS)), null);

    assertEquals("plain", rendered(plain, List.of("a tool")));
    assertEquals(ToolFormat.NONE, plain.toolFormat());
    assertEquals("<tool_call>", rendered(forTools, List.of()));
    assertEquals(ToolFormat.HERMES, forTools.toolFormat());
    assertNull(load(llama(), null).chatTemplate());
  }

  @Test
  void aFileThatIsGivenStandsForBoth() throws Exception {
    Path given = Files.writeString(directory.resolve("given.jinja"), "given");
    ServedModel model =
        load(
            llama()
                .put("tokenizer.chat_template", string(PLAIN))
                .put("tokenizer.chat_template.tool_use", string(FOR_TOOLS)),
            given);

    assertEquals("given", rendered(model, List.of("a tool")));
    assertEquals("given", rendered(model, null));
    assertEquals(ToolFormat.NONE, model.toolFormat());
  }

  private static String rendered(ServedModel model, @Nullable List<String> tools) {
    Map<String, @Nullable Object> variables = new HashMap<>();
    variables.put("tools", tools);
    ChatTemplate template = model.chatTemplate();
    assertNotNull(template);
    return template.render(variables).text();
  }

  private ServedModel load(GgufBuilder builder, @Nullable Path template) throws Exception {
    Path file = Files.write(directory.resolve("m.gguf"), builder.build());
    ModelOptions options = SmallOptions.of(file, 1, null, null, template);
    ServedModel model = new ModelLoader(options, EpochClock.system(), (done, total) -> {}).load();
    model.engine().close();
    return model;
  }
}

package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.chat.ChatTemplate.TemplateException;
import dev.switchboard.chat.ChatTemplates;
import dev.switchboard.chat.TemplateLimits;
import dev.switchboard.golden.Published;
import dev.switchboard.openai.Conversation;
import dev.switchboard.openai.RequestLimits;
import dev.switchboard.openai.RequestParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** An answer of calls alone comes back in history: every template is given what it takes. */
class TemplateFormsTest {
  private static final String CALLS =
      "{% for c in m.tool_calls %}{{ c.function.name }} {{ c.function.arguments | tojson }}"
          + "{% endfor %}";

  private static final String JINJA = ".jinja";
  private static final Path OWN = Path.of("src/test/resources/golden/jinja");

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        // Adds it to a text, which null ends.
        "{{ m.role + ':' + m.content }}" + CALLS + "~assistant:add {\"a\": 1}",
        // Asks for a text's methods.
        "{{ m.role }}:{{ m.content.strip() }}" + CALLS + "~assistant:add {\"a\": 1}",
        // Looks into it.
        "{{ m.role }}:{% if 'x' in m.content %}{{ m.content }}{% endif %}"
            + CALLS
            + "~assistant:add {\"a\": 1}",
        // Prints null as None.
        "{{ m.role }}:{{ m.content }}" + CALLS + "~assistant:add {\"a\": 1}",
        "{{ m.role }}:{{ m.content | trim }}" + CALLS + "~assistant:add {\"a\": 1}",
        // Asks whether it is null.
        "{{ m.role }}:{% if m.content is not none %}[{{ m.content }}]{% endif %}"
            + CALLS
            + "~assistant:add {\"a\": 1}",
        // Asks whether it is there, and takes no call beside it.
        "{{ m.role }}:{% if m.content is defined %}{{ m.content }}{% else %}"
            + CALLS
            + "{% endif %}~assistant:add {\"a\": 1}",
        // Wants the arguments as a text.
        "{{ m.role }}:{{ m.content or '' }}{% for c in m.tool_calls %}"
            + "{{ c.function.name + ' ' + c.function.arguments }}{% endfor %}"
            + "~assistant:add {\"a\": 1}",
        // Prints them, as Python would print a map.
        "{{ m.role }}:{{ m.content or '' }}{% for c in m.tool_calls %}"
            + "{{ c.function.name }} {{ c.function.arguments }}{% endfor %}"
            + "~assistant:add {\"a\": 1}",
        // Shows no calls.
        "{{ m.role + ':' + m.content }}~assistant:",
      })
  void aCallWithoutContentRendersAsTheTemplateTakesIt(String loop, String expected) {
    TemplateForms forms = forms("{% for m in messages if m.role == 'assistant' %}" + loop);

    assertEquals(expected, forms.render(called(",'content':null")).text());
    assertEquals(expected, forms.render(called("")).text());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "blocks_and_calls",
        "chatml_thinking",
        "documents_sections",
        "header_dates",
        "instruct_brackets",
        "marked_roles_grounding",
        "system_parts_ids",
        "typed_macros",
        "typed_signatures_recursive",
        "typed_tool_calls"
      })
  void aTemplateOfEachKindShowsTheCallAndNothingElse(String name) throws IOException {
    String source = Files.readString(OWN.resolve(name + JINJA));
    TemplateForms forms = compiled(source);
    String tool = ",{'role':'tool','tool_call_id':'call00001','content':'21'}";
    String call = CALL.replace("c1", "call00001");

    for (String content : List.of("", ",'content':null")) {
      String assistant = "{'role':'assistant','tool_calls':[" + call + "]" + content + "}";
      String text = forms.render(history(assistant + tool)).text();

      assertTrue(text.contains("add"), text);
      assertFalse(text.contains("None"), text);
    }
  }

  /** What every client of OpenAI's sends back, to the project's own and the published ones. */
  @TestFactory
  List<DynamicTest> everyTemplateTakesAnAnswerWithoutContent() throws IOException {
    List<Path> published = Published.files("switchboard.golden.templates", "chat_templates", JINJA);
    Published.ran(published.size(), "templates with an answer without content");
    return Stream.concat(own().stream(), published.stream())
        .map(
            file ->
                DynamicTest.dynamicTest(
                    file.getFileName().toString(), () -> takesAnAnswerWithoutContent(file)))
        .toList();
  }

  /** Those that show messages. */
  private static List<Path> own() throws IOException {
    try (Stream<Path> files = Files.list(OWN)) {
      List<Path> found = new ArrayList<>();
      for (Path file : files.filter(each -> each.toString().endsWith(JINJA)).sorted().toList()) {
        if (Files.readString(file).contains("messages")) {
          found.add(file);
        }
      }
      return found;
    }
  }

  private static void takesAnAnswerWithoutContent(Path file) throws IOException {
    TemplateForms forms = compiled(Files.readString(file));
    String calls = "{'role':'assistant','tool_calls':[" + CALL.replace("c1", "call00001") + "]%s},";
    String tool = "{'role':'tool','tool_call_id':'call00001','content':'21'}";
    String user = "{'role':'user','content':'And now?'}";
    // Some have no turn of a tool, whatever the content before it.
    String then = takes(forms, calls.formatted(",'content':'So:'") + tool) ? tool : user;
    for (String messages :
        List.of(
            calls.formatted("") + then,
            calls.formatted(",'content':null") + then,
            "{'role':'assistant','content':null}," + user)) {
      String text = forms.render(history(messages)).text();

      assertTrue(text.contains("Weather?"), text);
      assertFalse(text.contains("None"), text);
    }
  }

  private static boolean takes(TemplateForms forms, String messages) {
    try {
      return !forms.render(history(messages)).text().isEmpty();
    } catch (TemplateException refused) {
      return false;
    }
  }

  @Test
  void aTemplateWithoutAToolsTurnIsTriedWithAUsers() {
    TemplateForms forms =
        forms(
            "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}"
                + "{% endif %}{{ m.content + ';' }}");

    Conversation conversation = history("{'role':'assistant','tool_calls':[" + CALL + "]}");
    assertEquals("Weather?;;", forms.render(conversation).text());
  }

  @Test
  void aContentThatIsNullInHistoryIsAnEmptyText() {
    TemplateForms forms = forms("{% for m in messages %}{{ m.role + ':' + m.content + ';' }}");

    String expected = "user:Weather?;assistant:;tool:;";
    Conversation conversation =
        history(
            "{'role':'assistant','content':null},"
                + "{'role':'tool','content':null,'tool_call_id':'c1'}");
    assertEquals(expected, forms.render(conversation).text());
  }

  @Test
  void theRefusalOfTheFirstFormIsTold() {
    TemplateForms forms =
        forms("{% for m in messages %}{{ raise_exception(m.content | default('n', true)) }}");

    TemplateException refused =
        assertThrows(TemplateException.class, () -> forms.render(called(",'content':'first'")));
    assertEquals("Weather?", refused.getMessage());
  }

  private static final String CALL =
      "{'id':'c1','type':'function','function':{'name':'add','arguments':'{\\\"a\\\": 1}'}}";

  private static Conversation called(String content) {
    return history("{'role':'assistant','tool_calls':[" + CALL + "]" + content + "}");
  }

  private static Conversation history(String messages) {
    String body =
        "{'model':'m','messages':[{'role':'user','content':'Weather?'}," + messages + "]}";
    byte[] json = body.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    return new RequestParser(RequestLimits.DEFAULT).parseChat(json).conversation();
  }

  private static TemplateForms forms(String template) {
    return compiled(template + "{% endfor %}");
  }

  private static TemplateForms compiled(String source) {
    return new TemplateForms(
        ChatTemplates.compile(source, TemplateLimits.DEFAULT, Clock.systemUTC()),
        (conversation, form) -> {
          Map<String, @Nullable Object> variables = conversation.templateVariables(form);
          variables.put("bos_token", "<s>");
          variables.put("eos_token", "</s>");
          return variables;
        });
  }
}

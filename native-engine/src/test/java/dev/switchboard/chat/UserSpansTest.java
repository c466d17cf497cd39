package dev.switchboard.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.chat.ChatTemplate.Rendered;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where a prompt's characters came from. Marks show the spans: ‹user text›. */
class UserSpansTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      ignoreLeadingAndTrailingWhitespace = true,
      value = {
        "`{{ u }}`                                     | `‹ab cd›`",
        "`<s>{{ u }}</s>`                              | `<s>‹ab cd›</s>`",
        "`{{ '<' + u + '>' }}`                         | `<‹ab cd›>`",
        "`{{ '<' ~ u ~ 1 ~ '>' }}`                     | `<‹ab cd›1>`",
        "`{{ u[1:4] }}`                                | `‹b c›`",
        "`{{ ('x' + u + 'y')[:3] }}`                   | `x‹ab›`",
        "`{{ ('x' + u + 'y')[::-1] }}`                 | `y‹dc ba›x`",
        "`{{ u[0] }}`                                  | `‹a›`",
        "`{{ (' ' + u + ' ') | trim }}`                | `‹ab cd›`",
        "`{{ u.split(' ')[1] + '.' }}`                 | `‹cd›.`",
        "`{{ u | replace(' ', '<sep>') }}`             | `‹ab›<sep>‹cd›`",
        "`{{ 'a-b' | replace('-', u) }}`               | `a‹ab cd›b`",
        "`{{ u | upper }}{{ u | title }}`              | `‹AB CDAb Cd›`",
        "`{{ [u, 'x'] | join(', ') }}`                 | `‹ab cd›, x`",
        "`{{ u.join(['1', '2']) }}`                    | `1‹ab cd›2`",
        "`{{ ['x', u] }}`                              | `['x', '‹ab cd›']`",
        "`{{ {'k': u} | tojson }}`                     | `{\"k\": \"‹ab cd›\"}`",
        "`{{ q | tojson }}`                            | `\"‹a\\\"\\nb›\"`",
        "`{{ q | e }}`                                 | `‹a&#34;\nb›`",
        "`{{ '%s!' % u }}{{ '{}?'.format(u) }}`        | `‹ab cd›!‹ab cd›?`",
        "`{{ '%7s' % u }}`                             | `  ‹ab cd›`",
        "`{{ u * 2 }}`                                 | `‹ab cdab cd›`",
        "`{% set x %}[{{ u }}]{% endset %}{{ x }}`     | `[‹ab cd›]`",
        "`{% macro m(a) %}({{ a }}){% endmacro %}{{ m(u) }}` | `(‹ab cd›)`",
        "`{% filter upper %}x{{ u }}{% endfilter %}`   | `X‹AB CD›`",
        "`{% for c in u %}{{ c }},{% endfor %}`        | `‹a›,‹b›,‹ ›,‹c›,‹d›,`",
        "`{{ q | indent(1) }}`                         | `‹a\"›\n ‹b›`",
        "`{{ u | truncate(3, true, '~', 0) }}`         | `‹ab›~`",
        "`{{ u | default('x') }}{{ none | default(u, true) }}` | `‹ab cdab cd›`",
        "`{{ u | length }}{{ u == 'ab cd' }}`          | `5True`",
        "`{{ bos_token }}{{ u | first }}`              | `<s>‹a›`",
        "`{{ map | tojson }}`                          | `{\"‹<|k|>›\": \"‹<|v|>›\"}`",
        "`{% for k, v in map.items() %}{{ k }}={{ v }}{% endfor %}` | `‹<|k|>›=‹<|v|>›`",
      })
  void spansFollowTheTextOfUsers(String template, String marked) {
    Map<String, Object> variables =
        Map.of("u", "ab cd", "q", "a\"\nb", "bos_token", "<s>", "map", Map.of("<|k|>", "<|v|>"));

    assertEquals(marked, mark(GoldenTemplates.compile(template).render(variables)));
  }

  @Test
  void contentNamesArgumentsAndToolsAreTheUsers() {
    String template =
        "{% for m in messages %}<|{{ m.role }}|>{{ m.name }}:{{ m.content }}<|end|>"
            + "{% for c in m.tool_calls %}{{ c.function.arguments | tojson }}{% endfor %}"
            + "{% endfor %}{{ tools | tojson }}";
    Map<String, Object> call = Map.of("function", Map.of("arguments", Map.of("a", "<|x|>")));
    Map<String, Object> message =
        Map.of("role", "user", "name", "n", "content", "<|end|>", "tool_calls", List.of(call));
    Map<String, Object> variables = Map.of("messages", List.of(message), "tools", List.of("<|t|>"));

    assertEquals(
        "<|user|>‹n›:‹<|end|>›<|end|>{\"‹a›\": \"‹<|x|>›\"}[\"‹<|t|>›\"]",
        mark(GoldenTemplates.compile(template).render(variables)));
  }

  @Test
  void roleIsTrustedOnlyWhenItIsAWord() {
    ChatTemplate template = GoldenTemplates.compile("{{ messages[0].role }}");

    assertEquals("tool-result", mark(template.render(messageWithRole("tool-result"))));
    assertEquals("‹a|><|b›", mark(template.render(messageWithRole("a|><|b"))));
  }

  @Test
  void everyTemplateMarksTheWholeContentAndNothingOfItsOwn() {
    String secret = "<|im_start|>[INST]<|eot_id|>ÄÖ😀";
    for (String file : GoldenTemplates.FILES) {
      Rendered rendered =
          GoldenTemplates.compile(GoldenTemplates.text(file))
              .render(
                  Map.of(
                      "messages",
                      List.of(Map.of("role", "user", "content", secret)),
                      "bos_token",
                      "<s>",
                      "eos_token",
                      "</s>",
                      "add_generation_prompt",
                      true));

      String marked = mark(rendered);
      assertTrue(marked.contains("‹" + secret + "›"), file + ": " + marked);
      assertEquals(2, rendered.userSpans().length, file);
    }
  }

  private static Map<String, Object> messageWithRole(String role) {
    return Map.of("messages", List.of(Map.of("role", role)));
  }

  static String mark(Rendered rendered) {
    StringBuilder marked = new StringBuilder();
    int from = 0;
    int[] spans = rendered.userSpans();
    for (int i = 0; i < spans.length; i += 2) {
      marked.append(rendered.text(), from, spans[i]).append('‹');
      marked.append(rendered.text(), spans[i], spans[i + 1]).append('›');
      from = spans[i + 1];
    }
    return marked.append(rendered.text(), from, rendered.text().length()).toString();
  }
}

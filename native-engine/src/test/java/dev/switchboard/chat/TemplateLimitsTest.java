package dev.switchboard.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.chat.ChatTemplate.TemplateException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Hostile templates stop at a limit, soon and without much memory or stack. */
class TemplateLimitsTest {
  private static final TemplateLimits SMALL =
      new TemplateLimits(10_000, 100_000, 10_000, 300, 1000);

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{% for a in range(500) %}{% endfor %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for a in range(900) %}{% set x = 'ab' * 4000 %}{% endfor %}",
        "{% for a in range(900) %}{% set x = u == u2 %}{% endfor %}",
        "{% for a in range(900) %}{{ 'b' in u }}{% endfor %}",
        "{% for a in range(900) %}{{ u.find('b') }}{% endfor %}",
        "{% for a in range(900) %}{{ range(900) | length }}{% endfor %}",
        "{% for a in range(900) %}{{ range(900) | sum }}{% endfor %}",
        "{% for a in range(900) %}{{ 901 in range(900) }}{% endfor %}",
        "{% set d = dict(range(900) | batch(2)) %}{% for a in range(900) %}{{ dict(d) | length }}"
            + "{% endfor %}",
        "{% set d = dict(range(900) | batch(2)) %}{% for a in range(900) %}{{ d.copy() | length }}"
            + "{% endfor %}",
        "{{ u.startswith(('a' * 4999 ~ 'b',) * 900) }}",
        "{{ ('a' * 9999) | wordwrap(1) }}",
        "{{ (range(900) | list) == (range(900) | list) }}"
            + "{% for a in range(900) %}{{ range(900) | sort | max }}{% endfor %}",
      })
  void longWorkStopsAtTheSteps(String template) {
    assertStops(template, "steps");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ 'a' * 10001 }}",
        "{{ 'a' * 9223372036854775807 }}",
        "{{ 9223372036854775807 * 'ab' }}",
        "{% for a in range(900) %}{{ 'abcdefghijklmnop' }}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for a in range(30) %}{% set ns.s = ns.s + ns.s %}{%"
            + " endfor %}",
        "{{ 'x' | center(100000) }}",
        "{{ 'x'.ljust(9223372036854775807) }}",
        "{{ '%99999d' % 1 }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ u | replace('a', u) }}",
        "{{ [u, u, u] | join }}",
        "{{ [u, u, u] | tojson }}",
        "{{ [1] | tojson(indent=20000) }}",
        "{{ '1'.zfill(99999) }}",
        "{{ 'a\nb' | indent(99999) }}",
      })
  void largeTextStopsAtTheCharacters(String template) {
    assertStops(template, "characters");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ range(1001) }}",
        "{{ range(9223372036854775807) }}",
        "{{ range(-9223372036854775807, 9223372036854775807) }}",
        "{{ [1] * 1001 }}",
        "{{ [1, 2] * 9223372036854775807 }}",
        "{% set ns = namespace(l=[1, 2]) %}{% for a in range(30) %}{% set ns.l = ns.l + ns.l %}{%"
            + " endfor %}",
        "{{ u | list }}",
        "{{ [1, 2] | batch(100000, 'x') | list }}",
        "{{ [1, 2] | slice(100000) | list }}",
      })
  void longListStopsAtTheElements(String template) {
    assertStops(template, "elements");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(a) %}{{ m(a=m) }}{% endmacro %}{{ m(1) }}",
        "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
        "{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}",
        "{% set ns = namespace(l=[]) %}{% for a in range(900) %}{% set ns.l = [ns.l] %}{% endfor"
            + " %}{{ ns.l }}",
        "{% set ns = namespace(l=[]) %}{% for a in range(900) %}{% set ns.l = [ns.l] %}{% endfor"
            + " %}{{ ns.l | tojson }}",
        "{% set ns = namespace(l=[]) %}{% for a in range(900) %}{% set ns.l = [ns.l] %}{% endfor"
            + " %}{{ ns.l == [ns.l] or ns.l < [ns.l] }}",
        "{% set ns = namespace() %}{% set ns.self = [ns] %}{{ ns }}",
      })
  void deepNestingStopsAtTheDepth(String template) {
    assertStops(template, "deeper");
  }

  @Test
  void deepSourceStopsAtTheDepth() {
    for (String nested :
        List.of("(1)", "[1]", "{1:1}", "a[1]", "a(1)", "not 1", "-1", "1 if 1 else 1")) {
      int middle = nested.lastIndexOf('1');
      String head = nested.substring(0, middle).repeat(400);
      assertStops("{{ " + head + "1" + nested.substring(middle + 1).repeat(400) + " }}", "deeper");
    }
    assertStops("{% if x %}".repeat(900), "deeper");
    assertStops("{{ a" + ".b".repeat(2000) + " }}", "deeper");
    assertStops("{{ 1" + " + 1".repeat(2000) + " }}", "deeper");
    assertStops("{{ a" + "|upper".repeat(1500) + " }}", "deeper");
  }

  @Test
  void deepRecursionFitsASmallStack() throws Exception {
    FutureTask<String> task =
        new FutureTask<>(
            () -> {
              assertDeepTemplatesStop();
              return "stopped";
            });
    new Thread(null, task, "small-stack", 512 * 1024).start();

    assertEquals("stopped", task.get());
  }

  private static void assertDeepTemplatesStop() {
    for (String body :
        List.of(
            "{{ m() }}",
            "{% if true %}{{ [m()] | join }}{% endif %}",
            "{% for x in [1] %}{% call m() %}{{ m() }}{% endcall %}{% endfor %}",
            "{{ [[1]] | map('map', 'string') | list }}{{ 'a' ~ (m() if m() else m()) }}")) {
      String template = "{% macro m() %}" + body + "{% endmacro %}{{ m() }}";
      ChatTemplate compiled =
          ChatTemplates.compile(template, TemplateLimits.DEFAULT, GoldenTemplates.CLOCK);
      assertThrows(TemplateException.class, () -> compiled.render(Map.of()));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{{ a.find(ab) }};-1",
        "{{ a.rfind(ba) }};-1",
        "{{ ab in a }};False",
        "{{ a.count(ab) }};0",
        "{{ (a | replace(ab, 'x')) == a }};True",
        "{{ a.split(ab) | length }};1",
        "{{ a.rsplit(ba) | length }};1",
        "{{ a.partition(ab) | length }};3",
        "{{ a.rpartition(ba) | length }};3",
        "{{ a.strip('b' * 500000 ~ 'a') }}.;.",
        "{{ a | trim('b' * 500000 ~ 'a') }}.;.",
        "{{ ('&' * 1900000) | striptags | length }};1900000",
      })
  void aSearchEndsSoonWhateverIsSoughtInWhat(String template, String expected) {
    String texts =
        "{% set a = 'a' * 1000000 %}{% set ab = 'a' * 500000 ~ 'b' %}"
            + "{% set ba = 'b' ~ 'a' * 500000 %}";
    ChatTemplate compiled =
        ChatTemplates.compile(texts + template, TemplateLimits.DEFAULT, GoldenTemplates.CLOCK);

    String text =
        assertTimeoutPreemptively(
            Duration.ofSeconds(15), () -> compiled.render(Map.of()).text(), template);

    assertEquals(expected, text);
  }

  @Test
  void longSourceIsRefused() {
    assertStops(" ".repeat(10_001), "longer");
  }

  @Test
  void deepVariablesAreRefused() {
    List<Object> nested = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      nested = new ArrayList<>(List.of(nested));
    }
    Map<String, Object> variables = Map.of("x", nested);
    ChatTemplate template = ChatTemplates.compile("", SMALL, GoldenTemplates.CLOCK);

    assertThrows(TemplateException.class, () -> template.render(variables));
  }

  @Test
  void objectsOfTheHostDoNotEnter() {
    ChatTemplate template = ChatTemplates.compile("", SMALL, GoldenTemplates.CLOCK);

    assertThrows(TemplateException.class, () -> template.render(Map.of("x", new Object())));
  }

  @Test
  void integersStayInSixtyFourBits() {
    assertStops("{{ 9223372036854775807 + 1 }}", "64 bits");
    assertStops("{{ 10 ** 100 }}", "64 bits");
    assertStops("{{ 9223372036854775808 }}", "too large");
    assertStops("{{ 7 ** 9223372036854775807 }}", "64 bits");
  }

  @Test
  void errorNamesItsLine() {
    assertStops("\n\n{{ missing.x }}", "(line 3)");
    assertStops("{% if x %}\n{% endfor %}", "(line 2)");
  }

  private static void assertStops(String source, String complaint) {
    Map<String, Object> variables = Map.of("u", "a".repeat(5000), "u2", "a".repeat(5000));

    TemplateException error =
        assertThrows(
            TemplateException.class,
            () -> ChatTemplates.compile(source, SMALL, GoldenTemplates.CLOCK).render(variables),
            source);

    assertTrue(String.valueOf(error.getMessage()).contains(complaint), error.getMessage());
  }
}

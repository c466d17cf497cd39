package dev.switchboard.chat;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.chat.ChatTemplate.Rendered;
import dev.switchboard.chat.ChatTemplate.TemplateException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Mutated templates render or end in a {@link TemplateException}, within their limits. */
class TemplateFuzzTest {
  private static final long SEED = 20261125;
  private static final int MUTATIONS = 10_000;
  private static final TemplateLimits LIMITS =
      new TemplateLimits(1 << 16, 100_000, 1 << 16, 300, 10_000);

  private static final List<String> SPLICES =
      List.of(
          """
          {% %} {{ }} {# #} {%- -%} ' " \\ ( ) [ ] { } | . , : = == ~ + - * ** // % < _is_ _in_ \
          _not_ _if_ _else_ _and_ _for_ loop messages tools none true 0 -1 9223372036854775807 1e308 \
          [::-1] |tojson |join |list |length |trim |sort |map('upper') .items() .split('a') \
          range(99) namespace() {%_endif_%} {%_endfor_%} {%_else_%} {%_raw_%} {%_break_%} \
          {%_set_x_%} {%_macro_m()_%} 😀 \0 \ud83d \r\n"""
              .split(" "));

  private final SplittableRandom random = new SplittableRandom(SEED);

  @Test
  void mutatedTemplatesRenderOrAreRefused() {
    List<String> sources = sources();
    List<Map<String, @Nullable Object>> conversations = conversations();

    assertTimeoutPreemptively(
        Duration.ofMinutes(2),
        () -> {
          for (int i = 0; i < MUTATIONS; i++) {
            String source = mutate(sources.get(random.nextInt(sources.size())), sources);
            render(source, conversations.get(random.nextInt(conversations.size())));
          }
        });
  }

  private static List<String> sources() {
    List<String> sources = new ArrayList<>();
    GoldenTemplates.FILES.forEach(file -> sources.add(GoldenTemplates.text(file)));
    sources.add(GoldenTemplates.text("jinja/typed_macros.jinja"));
    sources.add(GoldenTemplates.text("jinja/blocks_and_calls.jinja"));
    for (String expression : GoldenTemplates.text("jinja/expressions.txt").split("\n----\n", -1)) {
      sources.add(expression);
    }
    return sources;
  }

  private static List<Map<String, @Nullable Object>> conversations() {
    List<Map<String, @Nullable Object>> all = new ArrayList<>();
    Map<String, @Nullable Object> values =
        GoldenTemplates.plain(GoldenTemplates.json("jinja/variables.json"));
    for (JsonNode conversation : GoldenTemplates.json("jinja/conversations.json")) {
      Map<String, @Nullable Object> variables = GoldenTemplates.plain(conversation);
      variables.putAll(values);
      all.add(variables);
    }
    return all;
  }

  private static void render(String source, Map<String, @Nullable Object> variables) {
    try {
      Rendered rendered =
          ChatTemplates.compile(source, LIMITS, GoldenTemplates.CLOCK).render(variables);
      assertWellFormed(rendered);
    } catch (TemplateException refused) {
      assertTrue(String.valueOf(refused.getMessage()).length() <= LIMITS.outputChars() + 100);
    } catch (RuntimeException | StackOverflowError | AssertionError escaped) {
      throw new AssertionError(source, escaped);
    }
  }

  private static void assertWellFormed(Rendered rendered) {
    assertTrue(rendered.text().length() <= LIMITS.outputChars());
    int[] spans = rendered.userSpans();
    assertTrue(spans.length % 2 == 0);
    int last = -1;
    for (int i = 0; i < spans.length; i += 2) {
      assertTrue(last < spans[i] && spans[i] < spans[i + 1]);
      last = spans[i + 1];
    }
    assertTrue(last <= rendered.text().length());
  }

  private String mutate(String source, List<String> sources) {
    String result = source;
    int times = 1 + random.nextInt(4);
    for (int i = 0; i < times; i++) {
      result = mutateOnce(result, sources);
    }
    return result;
  }

  private String mutateOnce(String source, List<String> sources) {
    int from = random.nextInt(source.length() + 1);
    int to = Math.min(source.length(), from + random.nextInt(20));
    String splice = SPLICES.get(random.nextInt(SPLICES.size())).replace('_', ' ');
    return switch (random.nextInt(6)) {
      case 0 -> source.substring(0, from) + splice + source.substring(from);
      case 1 -> source.substring(0, from) + splice + source.substring(to);
      case 2 -> source.substring(0, from) + source.substring(to);
      case 3 -> source.substring(0, to) + source.substring(from);
      case 4 -> source.substring(0, from) + part(sources) + source.substring(from);
      default -> source.substring(0, from) + (char) random.nextInt(128) + source.substring(to);
    };
  }

  private String part(List<String> sources) {
    String other = sources.get(random.nextInt(sources.size()));
    int from = random.nextInt(other.length() + 1);
    return other.substring(from, Math.min(other.length(), from + random.nextInt(60)));
  }
}

package dev.switchboard.worker;

import dev.switchboard.chat.ChatTemplate;
import dev.switchboard.chat.ChatTemplate.Rendered;
import dev.switchboard.chat.ChatTemplate.TemplateException;
import dev.switchboard.openai.ChatMessage;
import dev.switchboard.openai.ChatMessage.ArgumentForm;
import dev.switchboard.openai.ChatMessage.Role;
import dev.switchboard.openai.ChatMessage.ToolCall;
import dev.switchboard.openai.Conversation;
import dev.switchboard.openai.TemplateForm;
import dev.switchboard.openai.TemplateForm.ContentForm;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * A model's chat template with the forms of a conversation that it takes.
 *
 * <p>Templates differ in what they do with a call whose message has no content, and with a call's
 * arguments: some add the content to a string, which null ends, some print it as {@code None}, some
 * ask whether it is there; some walk the arguments as a map, some print their text. Each form is
 * tried once at load time on a short conversation, and the first that renders best is kept: the
 * call shows, nothing is printed as Python writes it, the arguments are JSON. Immutable.
 */
final class TemplateForms {
  private static final String NAME = "probe_function";
  private static final String ARGUMENT = "probe_argument";

  private static final List<TemplateForm> ALL = all();
  private static final TemplateForm SAFEST = new TemplateForm(ArgumentForm.MAP, ContentForm.EMPTY);

  private final ChatTemplate template;
  private final BiFunction<Conversation, TemplateForm, Map<String, @Nullable Object>> variables;
  private final List<TemplateForm> plain;
  private final List<TemplateForm> withTools;

  /**
   * @param variables what the template sees of a conversation
   */
  TemplateForms(
      ChatTemplate template,
      BiFunction<Conversation, TemplateForm, Map<String, @Nullable Object>> variables) {
    this.template = template;
    this.variables = variables;
    this.plain = order(best(List.of()));
    this.withTools = order(best(List.of(tool())));
  }

  private static List<TemplateForm> all() {
    List<TemplateForm> forms = new ArrayList<>();
    for (ArgumentForm arguments : List.of(ArgumentForm.MAP, ArgumentForm.TEXT)) {
      for (ContentForm content : ContentForm.values()) {
        forms.add(new TemplateForm(arguments, content));
      }
    }
    return List.copyOf(forms);
  }

  /** The form found at load time, then what a message unlike the one tried may need. */
  private static List<TemplateForm> order(TemplateForm best) {
    ArgumentForm other =
        best.arguments() == ArgumentForm.MAP ? ArgumentForm.TEXT : ArgumentForm.MAP;
    Set<TemplateForm> order = new LinkedHashSet<>();
    order.add(best);
    order.add(new TemplateForm(other, best.content()));
    order.add(SAFEST);
    return List.copyOf(order);
  }

  /**
   * @throws TemplateException when the template refuses the conversation in every form
   */
  Rendered render(Conversation conversation) {
    List<TemplateForm> forms = conversation.tools().isEmpty() ? plain : withTools;
    boolean called = conversation.messages().stream().anyMatch(m -> !m.toolCalls().isEmpty());
    TemplateException refusal = null;
    for (TemplateForm form : called ? forms : forms.subList(0, 1)) {
      try {
        return template.render(variables.apply(conversation, form));
      } catch (TemplateException refused) {
        refusal = refusal == null ? refused : refusal;
      }
    }
    throw refusal == null ? new TemplateException("there is no form to render") : refusal;
  }

  /** Of the conversations that the template may take, the first that it takes in any form. */
  private TemplateForm best(List<Map<String, @Nullable Object>> tools) {
    for (Conversation probe : List.of(probe(tools, Role.TOOL), probe(tools, Role.USER))) {
      TemplateForm best = null;
      int most = 0;
      for (TemplateForm form : ALL) {
        int score = score(probe, form);
        if (score > most) {
          best = form;
          most = score;
        }
      }
      if (best != null) {
        return best;
      }
    }
    return ALL.getFirst();
  }

  /** 0 when it does not render. */
  private int score(Conversation probe, TemplateForm form) {
    String text;
    try {
      text = template.render(variables.apply(probe, form)).text();
    } catch (TemplateException refused) {
      return 0;
    }
    boolean pythonArguments = text.contains("'" + ARGUMENT) || text.contains("\\\"" + ARGUMENT);
    return 1
        + (text.contains(NAME + "_called") ? 4 : 0)
        + (text.contains("None") ? 0 : 2)
        + (pythonArguments ? 0 : 1);
  }

  /** A question, a call, and what comes after a call: most templates want the tool's answer. */
  private static Conversation probe(List<Map<String, @Nullable Object>> tools, Role after) {
    ToolCall call =
        new ToolCall(
            "call00001", NAME + "_called", "{\"" + ARGUMENT + "\": \"x\"}", Map.of(ARGUMENT, "x"));
    String id = after == Role.TOOL ? call.id() : null;
    return new Conversation(
        List.of(
            new ChatMessage(Role.USER, "x", null, List.of(), null, null),
            new ChatMessage(Role.ASSISTANT, null, null, List.of(call), null, null),
            new ChatMessage(after, "x", null, List.of(), id, null)),
        tools,
        true,
        Map.of());
  }

  private static Map<String, @Nullable Object> tool() {
    Map<String, Object> parameters = Map.of("type", "object", "properties", Map.of());
    return Map.of(
        "type",
        "function",
        "function",
        Map.of("name", NAME, "description", "x", "parameters", parameters));
  }
}

package dev.switchboard.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.openai.ChatMessage.Role;
import dev.switchboard.openai.ChatMessage.ToolCall;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads one chat completion request, or the conversation of another. */
final class ChatReader {
  private static final int MOST_LOGPROBS = 20;
  private static final int NAME_CHARS = 256;
  private static final int ANY_LENGTH = Integer.MAX_VALUE;

  /** What we render ourselves; a caller's variable must not stand in for it. */
  private static final Set<String> RESERVED_VARIABLES =
      Set.of("messages", "tools", "add_generation_prompt", "chat_template");

  private static final List<String> UNSUPPORTED =
      List.of(
          "audio",
          "functions",
          "function_call",
          "prediction",
          "web_search_options",
          "chat_template",
          "documents",
          "continue_final_message",
          "echo",
          "suffix",
          "prompt");

  /** How a raw prompt is read. Of a chat only the template writes control tokens. */
  private static final List<String> OF_RAW_PROMPTS = List.of("parse_special", "add_special_tokens");

  private final JsonFields body;
  private final RequestLimits limits;
  private final JsonBody json;

  ChatReader(JsonFields body, RequestLimits limits, JsonBody json) {
    this.body = body;
    this.limits = limits;
    this.json = json;
  }

  ChatCompletionRequest read(SamplingDefaults sampling) {
    String model = RequestParser.model(body);
    Conversation conversation = conversation();
    requireTextOnly();
    OF_RAW_PROMPTS.forEach(name -> OptionsReader.refuse(body, name));
    return new ChatCompletionRequest(
        model,
        conversation,
        toolUse(conversation),
        OptionsReader.read(body, sampling, maxTokens(), topLogprobs()),
        body.node());
  }

  /** What the prompt is made of, without how to answer it. */
  Conversation conversation() {
    List<ChatMessage> messages = messages();
    UNSUPPORTED.forEach(name -> OptionsReader.refuse(body, name));
    return new Conversation(
        messages, tools(), body.bool("add_generation_prompt", true), templateArguments());
  }

  private List<ChatMessage> messages() {
    body.required("messages");
    List<ChatMessage> messages = body.list("messages", limits.messages(), this::message);
    if (messages.isEmpty()) {
      throw JsonFields.invalid("messages", "must not be empty");
    }
    return messages;
  }

  private ChatMessage message(JsonNode value, String path) {
    JsonFields fields = JsonFields.at(value, path);
    Role role = role(fields);
    OptionsReader.refuse(fields, "audio");
    OptionsReader.refuse(fields, "function_call");
    OptionsReader.refuse(fields, "prefix");
    if (role != Role.ASSISTANT) {
      OptionsReader.refuse(fields, "tool_calls");
    }
    List<ToolCall> calls =
        role == Role.ASSISTANT
            ? fields.list("tool_calls", limits.tools(), this::toolCall)
            : List.of();
    String content = content(fields, role, calls.isEmpty());
    String toolCallId = fields.string("tool_call_id", 1, NAME_CHARS);
    if (role == Role.TOOL && toolCallId == null) {
      throw JsonFields.invalid(fields.path("tool_call_id"), "is required");
    }
    return new ChatMessage(
        role,
        content,
        fields.string("name", 1, NAME_CHARS),
        calls,
        toolCallId,
        fields.string("reasoning_content", 0, ANY_LENGTH));
  }

  /** The role ends up between control tokens, so only known words pass. */
  private static Role role(JsonFields fields) {
    String role = fields.requiredString("role", 1, ANY_LENGTH);
    return switch (role) {
      // The newer word for the same thing; templates know the older one.
      case "system", "developer" -> Role.SYSTEM;
      case "user" -> Role.USER;
      case "assistant" -> Role.ASSISTANT;
      case "tool" -> Role.TOOL;
      default ->
          throw JsonFields.invalid(
              fields.path("role"), "must be one of system, developer, user, assistant, tool");
    };
  }

  /**
   * Clients send an answer back as they had it: its content may be null, and so may a tool's that
   * said nothing. Where no call stands in its place that is an empty text to every template.
   */
  private static @Nullable String content(JsonFields fields, Role role, boolean noCalls) {
    JsonNode content = fields.get("content");
    String path = fields.path("content");
    if (content == null) {
      String refusal = fields.string("refusal", 0, ANY_LENGTH);
      boolean saidNothing = fields.node().has("content") || fields.has("reasoning_content");
      boolean mayBeNull = role == Role.ASSISTANT || role == Role.TOOL;
      if (noCalls && refusal == null && !(mayBeNull && saidNothing)) {
        throw JsonFields.invalid(path, "is required");
      }
      return refusal == null && noCalls ? "" : refusal;
    }
    if (content.isTextual()) {
      return JsonFields.string(content, path, 0, ANY_LENGTH);
    }
    if (!content.isArray()) {
      throw JsonFields.wrongType(path, "a string or an array of text parts", content);
    }
    return String.join("\n", JsonFields.list(content, path, ANY_LENGTH, ChatReader::part));
  }

  private static String part(JsonNode value, String path) {
    JsonFields part = JsonFields.at(value, path);
    String type = part.requiredString("type", 1, ANY_LENGTH);
    return switch (type) {
      case "text" -> part.requiredString("text", 0, ANY_LENGTH);
      case "refusal" -> part.requiredString("refusal", 0, ANY_LENGTH);
      case "image_url", "input_audio", "file", "video_url", "audio_url" ->
          throw JsonFields.unsupported(
              part.path("type"), "must be text: images, audio and files are not supported");
      default -> throw JsonFields.invalid(part.path("type"), "must be text");
    };
  }

  private ToolCall toolCall(JsonNode value, String path) {
    JsonFields call = JsonFields.at(value, path);
    requireFunction(call);
    JsonFields function = call.requiredObject("function");
    String sent = function.requiredString("arguments", 0, ANY_LENGTH);
    // What clients send of a function without parameters; a template would write no JSON.
    String arguments = sent.isBlank() ? "{}" : sent;
    ObjectNode parsed = json.readNested(arguments);
    return new ToolCall(
        call.requiredString("id", 1, NAME_CHARS),
        function.requiredString("name", 1, NAME_CHARS),
        arguments,
        parsed == null ? null : PlainJson.map(parsed));
  }

  private static void requireFunction(JsonFields tool) {
    String type = tool.string("type", 1, ANY_LENGTH);
    if (type != null && !type.equals("function")) {
      throw JsonFields.unsupported(tool.path("type"), "other than function is not supported");
    }
  }

  private List<Map<String, @Nullable Object>> tools() {
    List<Map<String, @Nullable Object>> tools = new ArrayList<>();
    tools.addAll(body.list("tools", limits.tools(), ChatReader::tool));
    // A model that is shown no tools calls none.
    return choice() == ToolUse.Choice.NONE ? List.of() : tools;
  }

  private ToolUse.Choice choice() {
    JsonNode choice = body.get("tool_choice");
    if (choice == null) {
      return ToolUse.Choice.AUTO;
    }
    if (!choice.isTextual() && !choice.isObject()) {
      throw JsonFields.wrongType("tool_choice", "a string or an object", choice);
    }
    return switch (choice.isTextual() ? choice.textValue() : "named") {
      case "auto" -> ToolUse.Choice.AUTO;
      case "none" -> ToolUse.Choice.NONE;
      case "required" -> ToolUse.Choice.REQUIRED;
      case "named" -> ToolUse.Choice.NAMED;
      default -> throw JsonFields.invalid("tool_choice", "must be auto, none or required");
    };
  }

  private ToolUse toolUse(Conversation conversation) {
    ToolUse.Choice choice = choice();
    List<ToolUse.Function> functions = conversation.tools().isEmpty() ? List.of() : functions();
    if (choice.forces() && functions.isEmpty()) {
      throw JsonFields.invalid("tool_choice", "needs tools");
    }
    String named = choice == ToolUse.Choice.NAMED ? named(functions) : null;
    return new ToolUse(choice, functions, named, body.bool("parallel_tool_calls", true));
  }

  private List<ToolUse.Function> functions() {
    Map<String, ToolUse.Function> functions = new LinkedHashMap<>();
    JsonNode tools = body.required("tools");
    for (int i = 0; i < tools.size(); i++) {
      JsonNode function = tools.get(i).path("function");
      String name = function.path("name").asText();
      String parameters = parameters(function.get("parameters"));
      boolean strict = function.path("strict").asBoolean(false);
      if (functions.put(name, new ToolUse.Function(name, parameters, strict)) != null) {
        throw JsonFields.invalid("tools[" + i + "].function.name", "'" + name + "' is given twice");
      }
    }
    return List.copyOf(functions.values());
  }

  /** Arguments are an object, whether their schema says so or not. */
  private static @Nullable String parameters(@Nullable JsonNode schema) {
    if (!(schema instanceof ObjectNode object) || object.isEmpty()) {
      return null;
    }
    return (object.has("type") ? object : object.deepCopy().put("type", "object")).toString();
  }

  private String named(List<ToolUse.Function> functions) {
    JsonFields choice = body.requiredObject("tool_choice");
    requireFunction(choice);
    JsonFields function = choice.requiredObject("function");
    String name = function.requiredString("name", 1, NAME_CHARS);
    if (functions.stream().noneMatch(known -> known.name().equals(name))) {
      String known = String.join(", ", functions.stream().map(ToolUse.Function::name).toList());
      throw JsonFields.invalid(
          function.path("name"), "must name one of the tools: " + shortened(known));
    }
    return name;
  }

  private static String shortened(String text) {
    return text.length() <= NAME_CHARS ? text : text.substring(0, NAME_CHARS) + "…";
  }

  private static Map<String, @Nullable Object> tool(JsonNode value, String path) {
    JsonFields tool = JsonFields.at(value, path);
    requireFunction(tool);
    JsonFields function = tool.requiredObject("function");
    function.requiredString("name", 1, NAME_CHARS);
    function.string("description", 0, ANY_LENGTH);
    function.object("parameters");
    function.bool("strict", false);
    return PlainJson.map(tool.node());
  }

  private Map<String, @Nullable Object> templateArguments() {
    JsonFields arguments = body.object("chat_template_kwargs");
    if (arguments == null) {
      return Map.of();
    }
    for (String name : (Iterable<String>) arguments.node()::fieldNames) {
      if (RESERVED_VARIABLES.contains(name) || name.endsWith("_token")) {
        throw JsonFields.invalid("chat_template_kwargs", "must not set a variable of the server");
      }
    }
    return PlainJson.map(arguments.node());
  }

  private void requireTextOnly() {
    body.list("modalities", 8, ChatReader::modality);
  }

  private static String modality(JsonNode value, String path) {
    String modality = JsonFields.string(value, path, 1, ANY_LENGTH);
    if (!modality.equals("text")) {
      throw JsonFields.unsupported(path, "other than text is not supported");
    }
    return modality;
  }

  private @Nullable Integer maxTokens() {
    Integer older = OptionsReader.maxTokens(body, "max_tokens", 1);
    Integer newer = OptionsReader.maxTokens(body, "max_completion_tokens", 1);
    if (older != null && newer != null && !older.equals(newer)) {
      throw JsonFields.invalid("max_completion_tokens", "and max_tokens must not differ");
    }
    return newer != null ? newer : older;
  }

  private int topLogprobs() {
    boolean logprobs = body.bool("logprobs", false);
    int top = body.integer("top_logprobs", 0, MOST_LOGPROBS, -1);
    if (top > 0 && !logprobs) {
      throw JsonFields.invalid("top_logprobs", "needs logprobs to be true");
    }
    return logprobs ? Math.max(top, 0) : -1;
  }
}

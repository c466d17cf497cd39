package dev.switchboard.console.playground;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A request as somebody filled it in. Empty texts and null numbers are not sent.
 *
 * @param before what was said before in this conversation, oldest first
 * @param schema JSON schema of the answer, as text
 * @param tools JSON array of tools, as text
 */
public record Ask(
    boolean chat,
    String model,
    String system,
    List<Said> before,
    String prompt,
    @Nullable Double temperature,
    @Nullable Integer maxTokens,
    String sloClass,
    @Nullable Integer ttftMs,
    @Nullable Double tpotMs,
    @Nullable Integer deadlineMs,
    String schema,
    String tools) {
  static final int TEXT_MAX = 100_000;
  private static final JsonMapper JSON = new JsonMapper();

  /**
   * One message of a conversation.
   *
   * @param calls the tools that it calls, as the public API has them; null for none
   * @param answers the id of the call whose result it is; empty for others
   */
  public record Said(String role, String text, @Nullable JsonNode calls, String answers) {
    /** One that calls no tool and answers none. */
    public Said(String role, String text) {
      this(role, text, null, "");
    }

    int chars() {
      return text.length() + (calls == null ? 0 : calls.toString().length());
    }

    void put(ObjectNode message) {
      message.put("role", role);
      if (calls == null) {
        message.put("content", text);
      } else {
        message.put("content", text.isEmpty() ? null : text).set("tool_calls", calls);
      }
      if (!answers.isEmpty()) {
        message.put("tool_call_id", answers);
      }
    }
  }

  /** Copies the list. */
  public Ask {
    before = List.copyOf(before);
  }

  /** What is wrong with it, in a sentence; null where it can be sent. */
  public @Nullable String problem() {
    if (model.isBlank()) {
      return "Choose a model";
    }
    boolean goesOn = !before.isEmpty() && before.getLast().role().equals("tool");
    if (prompt.isBlank() && !goesOn) {
      return "Say something";
    }
    if (prompt.length() + system.length() + schema.length() + tools.length() > TEXT_MAX) {
      return "Prompt, system, schema and tools may have " + TEXT_MAX + " characters together";
    }
    if (!schema.isBlank() && !is(schema, true)) {
      return "The schema is no JSON object";
    }
    return tools.isBlank() || is(tools, false) ? null : "The tools are no JSON array";
  }

  private static boolean is(String text, boolean object) {
    try {
      JsonNode node = JSON.readTree(text);
      return object ? node.isObject() : node.isArray();
    } catch (JacksonException _) {
      return false;
    }
  }

  public String path() {
    return chat ? "/v1/chat/completions" : "/v1/completions";
  }

  /** As it is sent. */
  public ObjectNode body() {
    ObjectNode body = JSON.createObjectNode().put("model", model.strip());
    if (chat) {
      messages(body.putArray("messages"));
    } else {
      body.put("prompt", prompt);
    }
    if (temperature != null) {
      body.put("temperature", temperature);
    }
    if (maxTokens != null) {
      body.put("max_tokens", maxTokens);
    }
    if (!schema.isBlank()) {
      ObjectNode named = JSON.createObjectNode().put("name", "answer").put("strict", true);
      named.set("schema", JSON.readTree(schema));
      body.putObject("response_format").put("type", "json_schema").set("json_schema", named);
    }
    if (chat && !tools.isBlank()) {
      body.set("tools", JSON.readTree(tools));
    }
    body.put("stream", true);
    body.putObject("stream_options").put("include_usage", true);
    return body;
  }

  private void messages(ArrayNode messages) {
    if (!system.isBlank()) {
      messages.addObject().put("role", "system").put("content", system);
    }
    for (Said said : before) {
      said.put(messages.addObject());
    }
    if (!prompt.isBlank()) {
      messages.addObject().put("role", "user").put("content", prompt);
    }
  }

  /** What is wanted of the answer's times. */
  public Map<String, String> headers() {
    Map<String, String> headers = new LinkedHashMap<>();
    if (!sloClass.isBlank()) {
      headers.put("X-SLO-Class", sloClass.strip());
    }
    put(headers, "X-SLO-TTFT-Ms", ttftMs);
    put(headers, "X-SLO-TPOT-Ms", tpotMs);
    put(headers, "X-SLO-Deadline-Ms", deadlineMs);
    return headers;
  }

  private static void put(Map<String, String> headers, String name, @Nullable Number value) {
    if (value != null) {
      headers.put(name, value.toString());
    }
  }

  /** As a command for a shell. The key is a variable, so that it is not copied around. */
  public String curl(String api, boolean keyed) {
    List<String> parts = new ArrayList<>();
    parts.add("curl -N " + quoted(api + path()));
    if (keyed) {
      parts.add("-H \"Authorization: Bearer $SWITCHBOARD_API_KEY\"");
    }
    parts.add("-H 'Content-Type: application/json'");
    headers().forEach((name, value) -> parts.add("-H " + quoted(name + ": " + value)));
    parts.add("-d " + quoted(body().toString()));
    return String.join(" \\\n  ", parts);
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }

  /** As a program for the official client. */
  public String python(String api, boolean keyed) {
    StringBuilder code = new StringBuilder("import os\nfrom openai import OpenAI\n\n");
    String key = keyed ? "os.environ[\"SWITCHBOARD_API_KEY\"]" : "\"none\"";
    code.append("client = OpenAI(base_url=").append(python(JSON.valueToTree(api + "/v1")));
    code.append(", api_key=").append(key).append(")\n");
    code.append("stream = client.").append(chat ? "chat.completions" : "completions");
    code.append(".create(\n");
    body()
        .properties()
        .forEach(
            each ->
                code.append("    ")
                    .append(each.getKey())
                    .append('=')
                    .append(python(each.getValue()))
                    .append(",\n"));
    if (!headers().isEmpty()) {
      code.append("    extra_headers=").append(python(JSON.valueToTree(headers()))).append(",\n");
    }
    code.append(")\nfor chunk in stream:\n    if chunk.choices:\n        print(chunk.choices[0].");
    code.append(chat ? "delta.content or \"\"" : "text").append(", end=\"\", flush=True)\n");
    return code.toString();
  }

  /** JSON as Python writes it; its strings are JSON's. */
  private static String python(JsonNode node) {
    if (node.isBoolean()) {
      return node.asBoolean(false) ? "True" : "False";
    }
    if (node.isNull()) {
      return "None";
    }
    List<String> parts = new ArrayList<>();
    if (node.isArray()) {
      node.forEach(item -> parts.add(python(item)));
      return "[" + String.join(", ", parts) + "]";
    }
    if (node.isObject()) {
      node.properties()
          .forEach(
              each ->
                  parts.add(
                      JSON.valueToTree(each.getKey()).toString() + ": " + python(each.getValue())));
      return "{" + String.join(", ", parts) + "}";
    }
    return node.toString();
  }
}

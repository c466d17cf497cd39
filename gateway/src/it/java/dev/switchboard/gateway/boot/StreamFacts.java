package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * All that a reader learns from a stream, however it was cut into events. The answer's identity and
 * the ids of calls are drawn anew for each answer and left out; that a stream has one identity is
 * among them.
 */
final class StreamFacts {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Map<String, String> facts = new LinkedHashMap<>();
  private final Set<String> identities = new HashSet<>();
  private final Set<String> sources = new TreeSet<>();

  private StreamFacts() {}

  static Map<String, String> by(List<String> lines) throws JsonProcessingException {
    StreamFacts facts = new StreamFacts();
    for (String line : lines) {
      if (line.startsWith("data: ")) {
        facts.event(line.substring("data: ".length()));
      } else if (!line.isEmpty()) {
        facts.add("other lines", line);
      }
    }
    facts.add("identities", Integer.toString(facts.identities.size()));
    facts.add("sources", facts.sources.toString());
    return facts.facts;
  }

  private void event(String data) throws JsonProcessingException {
    if (data.equals("[DONE]")) {
      add("done", "1");
      return;
    }
    JsonNode json = JSON.readTree(data);
    identities.add(json.path("id").asText() + " " + json.path("created").asText());
    sources.add(
        json.path("object") + " " + json.path("model") + " " + json.path("system_fingerprint"));
    if (json.has("error")) {
      add("error", json.path("error").toString());
    }
    if (json.path("usage").isObject()) {
      // How much of a prompt was cached depends on what ran before it.
      add("usage", json.at("/usage/prompt_tokens") + "+" + json.at("/usage/completion_tokens"));
    }
    for (JsonNode choice : json.path("choices")) {
      choice("choice " + choice.path("index").asInt() + " ", choice);
    }
  }

  private void choice(String key, JsonNode choice) {
    JsonNode delta = choice.path("delta");
    add(key + "role", delta.path("role").asText(""));
    add(key + "text", delta.path("content").asText("") + choice.path("text").asText(""));
    for (JsonNode call : delta.path("tool_calls")) {
      JsonNode function = call.path("function");
      add(
          key + "call " + call.path("index").asInt(),
          function.path("name").asText("") + function.path("arguments").asText(""));
    }
    for (Map.Entry<String, JsonNode> list : choice.path("logprobs").properties()) {
      for (JsonNode token : list.getValue()) {
        add(key + "logprobs " + list.getKey(), token + " ");
      }
    }
    add(key + "end", choice.path("finish_reason").asText(""));
  }

  private void add(String key, String value) {
    facts.merge(key, value, String::concat);
  }
}

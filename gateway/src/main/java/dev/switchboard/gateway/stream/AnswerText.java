package dev.switchboard.gateway.stream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What an answer says, as its client gets it: kept only for a tenant whose traces may tell it, and
 * only up to so many bytes. Confined to the request's event loop.
 */
public final class AnswerText {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String DATA = "data: {";

  private final Map<Integer, StringBuilder> choices = new TreeMap<>();
  private final Clipping clipping;

  /**
   * @param mostBytes of all choices together
   */
  public AnswerText(int mostBytes) {
    clipping = new Clipping(mostBytes);
  }

  /** Takes whole events of a stream. */
  void events(Buffer bytes) {
    if (clipping.full()) {
      return;
    }
    bytes
        .toString()
        .lines()
        .filter(line -> line.startsWith(DATA))
        .forEach(line -> take(line.substring(DATA.length() - 1)));
  }

  /** Takes an answer that came at once. */
  public void whole(Buffer bytes) {
    take(bytes.toString());
  }

  private void take(String json) {
    try {
      for (JsonNode choice : JSON.readTree(json).path("choices")) {
        take(choice);
      }
    } catch (JsonProcessingException e) {
      // A foreign server's affair; its client gets it as it came.
      return;
    }
  }

  private void take(JsonNode choice) {
    JsonNode message = choice.path(choice.has("delta") ? "delta" : "message");
    String text = message.path("content").asText(choice.path("text").asText(""));
    if (!text.isEmpty()) {
      choices
          .computeIfAbsent(choice.path("index").asInt(), first -> new StringBuilder())
          .append(clipping.clipped(text));
    }
  }

  /** As {@code gen_ai.output.messages} has it. */
  public String messages() {
    ArrayNode messages = JsonNodeFactory.instance.arrayNode();
    choices.values().forEach(text -> message(messages, "assistant").add(part(text.toString())));
    return messages.toString();
  }

  /**
   * What a request says, as {@code gen_ai.input.messages} has it; of what is no text only its type.
   *
   * @param mostBytes of all texts together
   */
  public static String ofRequest(byte[] body, int mostBytes) {
    ArrayNode messages = JsonNodeFactory.instance.arrayNode();
    Clipping clipping = new Clipping(mostBytes);
    try {
      JsonNode request = JSON.readTree(body);
      for (JsonNode each : request.path("messages")) {
        parts(each.path("content"), message(messages, each.path("role").asText()), clipping);
      }
      JsonNode prompt = request.path("prompt");
      if (!prompt.isMissingNode()) {
        parts(prompt, message(messages, "user"), clipping);
      }
    } catch (IOException e) {
      // It was parsed before; a trace is nothing to fail for.
      return "[]";
    }
    return messages.toString();
  }

  /**
   * The stop sequences of a request.
   *
   * @param mostBytes of all together
   */
  public static List<String> stops(byte[] body, int mostBytes) {
    Clipping clipping = new Clipping(mostBytes);
    try {
      JsonNode stop = JSON.readTree(body).path("stop");
      if (stop.isTextual()) {
        return List.of(clipping.clipped(stop.textValue()));
      }
      List<String> stops = new ArrayList<>();
      stop.forEach(each -> stops.add(clipping.clipped(each.asText())));
      return stops;
    } catch (IOException e) {
      return List.of();
    }
  }

  private static void parts(JsonNode content, ArrayNode to, Clipping clipping) {
    if (content.isTextual()) {
      to.add(part(clipping.clipped(content.textValue())));
    }
    for (JsonNode part : content) {
      if (part.isTextual() || part.path("text").isTextual()) {
        to.add(part(clipping.clipped(part.path("text").asText(part.asText()))));
      } else if (part.isObject()) {
        to.addObject().put("type", part.path("type").asText("unknown"));
      }
    }
  }

  private static ArrayNode message(ArrayNode messages, String role) {
    return messages.addObject().put("role", role).putArray("parts");
  }

  private static JsonNode part(String text) {
    return JsonNodeFactory.instance.objectNode().put("type", "text").put("content", text);
  }

  /** Lets so many bytes of UTF-8 through; what is cut off leaves an ellipsis. */
  private static final class Clipping {
    private int left;

    Clipping(int most) {
      left = most;
    }

    boolean full() {
      return left < 0;
    }

    String clipped(String text) {
      if (full()) {
        return "";
      }
      int at = 0;
      while (at < text.length()) {
        int point = text.codePointAt(at);
        left -= point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        if (left < 0) {
          return text.substring(0, at) + "…";
        }
        at += Character.charCount(point);
      }
      return text;
    }
  }
}

package dev.switchboard.gateway.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.PrintStream;
import java.net.http.HttpResponse;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A conversation. Each line of the input is a question; the answer is printed as it comes, and
 * below it the gateway's own explanation of where its time went.
 */
final class Chat {
  private static final String DATA = "data: ";
  private static final int TRIES = 20;
  private static final long BETWEEN_TRIES_MS = 100;

  private final GatewayClient client;
  private final BufferedReader in;
  private final PrintStream out;
  private final PrintStream log;
  private final String key;
  private final boolean json;
  private final ArrayNode messages = GatewayClient.JSON.createArrayNode();

  Chat(
      GatewayClient client,
      BufferedReader in,
      PrintStream out,
      PrintStream log,
      String key,
      boolean json) {
    this.client = client;
    this.in = in;
    this.out = out;
    this.log = log;
    this.key = key;
    this.json = json;
  }

  /** The first model that some replica is ready for. */
  static String first(GatewayClient client) {
    for (JsonNode each : client.get("models").path("models")) {
      if (each.path("ready").asInt() > 0) {
        return each.path("id").asText();
      }
    }
    throw new CommandFailure(CommandFailure.FAILED, "no model is ready; ./switchboard status");
  }

  void run(String model) {
    log.println("Talking to " + model + "; an empty line or Ctrl-D ends it");
    String question = asked();
    while (question != null && !question.isBlank()) {
      answer(model, question);
      question = asked();
    }
  }

  private @Nullable String asked() {
    log.print("> ");
    log.flush();
    return Words.line(in);
  }

  private void answer(String model, String question) {
    messages.addObject().put("role", "user").put("content", question);
    ObjectNode body = GatewayClient.JSON.createObjectNode().put("model", model).put("stream", true);
    body.set("messages", messages);
    HttpResponse<Stream<String>> response = client.stream(body, key);
    StringBuilder whole = new StringBuilder();
    try (Stream<String> lines = response.body()) {
      lines.forEach(line -> token(line, whole));
    }
    messages.addObject().put("role", "assistant").put("content", whole.toString());
    String id = response.headers().firstValue("X-Request-Id").orElse("");
    JsonNode why = explained(id);
    if (json) {
      ObjectNode told = GatewayClient.JSON.createObjectNode().put("id", id);
      told.put("answer", whole.toString());
      told.set("why", why);
      out.println(told);
    } else {
      out.println();
      log.println("  " + (why == null ? "request " + id : why.path("text").asText()));
    }
  }

  private void token(String line, StringBuilder whole) {
    if (!line.startsWith(DATA + "{")) {
      return;
    }
    JsonNode event = GatewayClient.parsed(line.substring(DATA.length()));
    String error = event.path("error").path("message").asText("");
    if (!error.isEmpty()) {
      throw new CommandFailure(CommandFailure.FAILED, error);
    }
    String text = event.path("choices").path(0).path("delta").path("content").asText("");
    whole.append(text);
    if (!json) {
      out.print(text);
      out.flush();
    }
  }

  /** Null where the gateway does not keep the request. It does so a moment after the answer. */
  private @Nullable JsonNode explained(String id) {
    CountDownLatch never = new CountDownLatch(1);
    for (int tries = 0; tries < TRIES; tries++) {
      try {
        return client.get("requests/" + GatewayClient.encoded(id) + "/explain");
      } catch (CommandFailure notYet) {
        try {
          if (never.await(BETWEEN_TRIES_MS, TimeUnit.MILLISECONDS)) {
            return null;
          }
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          return null;
        }
      }
    }
    return null;
  }
}

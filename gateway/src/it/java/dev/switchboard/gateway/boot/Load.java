package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.bench.ClientLedger;
import dev.switchboard.testing.Await;
import java.net.ConnectException;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** Clients that ask one question after the other, every second one for a stream. */
final class Load implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final int MOST_REFUSALS = 1000;

  private final GatewayProcess gateway;
  private final String[] headers;
  private final List<Thread> clients = new ArrayList<>();
  private final AtomicInteger served = new AtomicInteger();
  private final ClientLedger ledger = new ClientLedger();
  private final Queue<String> failures = new ConcurrentLinkedQueue<>();
  private volatile boolean over;

  private Load(GatewayProcess gateway, String[] more) {
    this.gateway = gateway;
    // No target for its first token: on a busy machine it would be refused, rightly.
    this.headers =
        Stream.concat(Stream.of("X-SLO-Class", "batch"), Stream.of(more)).toArray(String[]::new);
  }

  /**
   * Starts the clients.
   *
   * @param more headers of their requests, names and values
   */
  static Load start(GatewayProcess gateway, int clients, String... more) {
    Load load = new Load(gateway, more);
    for (int i = 0; i < clients; i++) {
      int number = i;
      load.clients.add(Thread.ofVirtual().start(() -> load.ask(number)));
    }
    return load;
  }

  private void ask(int client) {
    for (int i = client; !over; i++) {
      boolean stream = i % 2 == 0;
      ClientLedger.Entry entry = ledger.begin(stream);
      try {
        HttpResponse<String> answer = post(body(stream, 5 + i % 20));
        boolean whole = !stream || answer.body().endsWith("data: [DONE]\n\n");
        tell(entry, answer, stream);
        if (answer.statusCode() == 200 && whole) {
          served.incrementAndGet();
        } else {
          failures.add(answer.statusCode() + " " + answer.body());
        }
      } catch (Exception e) {
        entry.broke();
        failures.add(e.toString());
      }
    }
  }

  private static void tell(ClientLedger.Entry entry, HttpResponse<String> answer, boolean stream)
      throws JsonProcessingException {
    entry.status(answer.statusCode());
    if (!stream || answer.statusCode() != 200) {
      used(entry, JSON.readTree(answer.body()).path("usage"));
      entry.end();
      return;
    }
    for (String line : answer.body().lines().filter(line -> line.startsWith("data: ")).toList()) {
      if (line.equals("data: [DONE]")) {
        entry.done();
      } else {
        tell(entry, JSON.readTree(line.substring("data: ".length())));
      }
    }
    entry.end();
  }

  private static void tell(ClientLedger.Entry entry, JsonNode chunk) {
    if (chunk.has("error")) {
      entry.error(502);
    }
    JsonNode choice = chunk.path("choices").path(0);
    if (!choice.at("/delta/content").asText("").isEmpty()) {
      entry.token();
    }
    if (choice.path("finish_reason").isTextual()) {
      entry.finishReason();
    }
    if (chunk.path("usage").isObject()) {
      used(entry, chunk.path("usage"));
    }
  }

  private static void used(ClientLedger.Entry entry, JsonNode usage) {
    entry.generated(usage.path("completion_tokens").asInt());
    entry.prompted(usage.path("prompt_tokens").asInt(-1));
  }

  private static String body(boolean stream, int maxTokens) {
    return "{\"model\":\"switchboard-demo\",\"ignore_eos\":true,\"stream\":"
        + stream
        + (stream ? ",\"stream_options\":{\"include_usage\":true}" : "")
        + ",\"max_tokens\":"
        + maxTokens
        + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
  }

  /** A refused connection is tried again, as clients do: nothing was sent. */
  private HttpResponse<String> post(String body) throws Exception {
    for (int again = 0; again < MOST_REFUSALS; again++) {
      try {
        return gateway.post(gateway.api("/v1/chat/completions"), body, headers);
      } catch (ConnectException refused) {
        // Tried again at once: whoever takes over listens already.
      }
    }
    return gateway.post(gateway.api("/v1/chat/completions"), body, headers);
  }

  void awaitServed(int count) {
    Await.until(count + " answers", () -> served.get() >= count || !failures.isEmpty());
  }

  /** What the clients saw, once the load is over. */
  ClientLedger ledger() {
    return ledger;
  }

  int served() {
    return served.get();
  }

  /** Ends the load first. */
  void assertNothingFailed() {
    close();
    assertEquals(List.of(), List.copyOf(failures));
  }

  @Override
  public void close() {
    over = true;
    try {
      for (Thread client : clients) {
        client.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

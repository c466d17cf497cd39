package dev.switchboard.gateway.bench;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ServingBenchTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LATE_MS = 60;
  private static final int REQUESTS = 6;
  private static final int ROUNDS = 2;

  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
  private Fake own;
  private Fake other;

  @BeforeEach
  void start() throws IOException {
    own = new Fake("ours", 0);
    other = new Fake("theirs", LATE_MS);
  }

  @AfterEach
  void stop() {
    own.close();
    other.close();
  }

  private int run(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--url=" + own.url(),
                "--beside=" + other.url(),
                "--streams=3",
                "--requests=" + REQUESTS,
                "--rounds=" + ROUNDS,
                "--words=9",
                "--tokens=7"));
    arguments.addAll(List.of(more));
    return ServingBench.commandLine(new PrintStream(printed, true, UTF_8))
        .execute(arguments.toArray(String[]::new));
  }

  /** The cells of a server's row. */
  private String[] row(Fake server) {
    return printed
        .toString(UTF_8)
        .lines()
        .filter(line -> line.contains(server.url()))
        .findFirst()
        .orElseThrow()
        .split("\\s*\\|\\s*");
  }

  @Test
  void bothGetTheSameRequestsAndNoPromptComesTwice() {
    assertEquals(0, run());

    assertEquals(own.prompts(), other.prompts());
    assertEquals((ROUNDS + 1) * REQUESTS, own.prompts().size());
    assertEquals((ROUNDS + 1) * REQUESTS, own.asked.size());
    for (JsonNode asked : own.asked) {
      assertEquals("ours", asked.path("model").asText());
      assertEquals(7, asked.path("max_tokens").asInt());
      assertTrue(asked.path("ignore_eos").asBoolean());
      assertEquals(9, asked.at("/messages/0/content").asText().split(" ").length);
    }
  }

  @Test
  void timeToTheFirstTokenAndRatesAreWhatEachServerTakes() {
    assertEquals(0, run());

    double ownFirst = Double.parseDouble(row(own)[5]);
    double otherFirst = Double.parseDouble(row(other)[5]);
    assertTrue(otherFirst >= LATE_MS, printed.toString(UTF_8));
    assertTrue(ownFirst < otherFirst, printed.toString(UTF_8));
    // Three streams at a time: 6 answers of 7 tokens take the time of two, at least.
    assertTrue(Double.parseDouble(row(other)[3]) <= 42 / (2 * LATE_MS / 1000.0), row(other)[3]);
    assertEquals("1.00", row(own)[4]);
    assertTrue(Double.parseDouble(row(other)[4]) < 1, printed.toString(UTF_8));
  }

  @Test
  void anAnswerThatBreaksIsToldAndFails() {
    other.breaks = true;

    assertEquals(1, run());

    assertEquals("0", row(own)[8]);
    assertEquals(Integer.toString(ROUNDS * REQUESTS), row(other)[8]);
    assertTrue(printed.toString(UTF_8).contains("failed: " + other.url()));
  }

  @Test
  void whatIsNoServerIsNamed() {
    own.close();

    assertEquals(2, run());
    assertEquals(2, run("--beside=https://example.com"));
    assertEquals(2, run("--streams=0"));
  }

  /** A server of OpenAI's API that says seven tokens, all but the first at once. */
  private static final class Fake implements AutoCloseable {
    final List<JsonNode> asked = Collections.synchronizedList(new ArrayList<>());
    volatile boolean breaks;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    private final int lateMs;

    Fake(String model, int lateMs) throws IOException {
      this.lateMs = lateMs;
      server.setExecutor(threads);
      server.createContext(
          "/v1/models",
          exchange -> {
            byte[] models = "{\"data\":[{\"id\":\"%s\"}]}".formatted(model).getBytes(UTF_8);
            exchange.sendResponseHeaders(200, models.length);
            exchange.getResponseBody().write(models);
            exchange.close();
          });
      server.createContext("/v1/chat/completions", this::stream);
      server.start();
    }

    String url() {
      return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    Set<String> prompts() {
      Set<String> prompts = new TreeSet<>();
      asked.forEach(body -> prompts.add(body.at("/messages/0/content").asText()));
      return prompts;
    }

    private void stream(HttpExchange exchange) throws IOException {
      asked.add(read(exchange));
      exchange.sendResponseHeaders(200, 0);
      try (OutputStream body = exchange.getResponseBody()) {
        TimeUnit.MILLISECONDS.sleep(lateMs);
        for (int i = 0; i < 7; i++) {
          event(body, "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}");
        }
        if (!breaks) {
          event(body, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}");
          event(body, "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7}}");
          event(body, "[DONE]");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    private static JsonNode read(HttpExchange exchange) throws IOException {
      return JSON.readTree(exchange.getRequestBody().readAllBytes());
    }

    private static void event(OutputStream body, String said) throws IOException {
      body.write(("data: " + said + "\n\n").getBytes(UTF_8));
      body.flush();
    }

    @Override
    public void close() {
      server.stop(0);
      threads.close();
    }
  }
}

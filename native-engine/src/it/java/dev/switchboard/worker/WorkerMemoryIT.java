package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.bench.SmallModel;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a worker has of the machine's memory while it answers, against what it planned at start. */
class WorkerMemoryIT {
  private static final long MEBIBYTE = 1 << 20;

  /** Taken whole at start, so that what grows is not the heap. */
  private static final int HEAP_MEBIBYTES = 160;

  /** Side by side. */
  private static final int SEQUENCES = 16;

  private static final int PROMPT_TOKENS = 120;
  private static final int ANSWER_TOKENS = 20;

  /** Until classes are loaded, what is called often is compiled and buffers are pooled. */
  private static final int WARM_UP_REQUESTS = 160;

  private static final int REQUESTS = 480;

  /** What the JVM and the C library still take after the warm-up: a mebibyte or two. */
  private static final long GROWTH_BYTES = 6 * MEBIBYTE;

  @Test
  void itStaysWithinThePlanAndDoesNotGrowHoweverManyRequestsCome() throws Exception {
    try (WorkerProcess worker = worker();
        HttpClient client = HttpClient.newHttpClient()) {
      URI uri = URI.create("http://127.0.0.1:" + worker.await("listening").path("port").asInt());
      worker.await("ready");

      long started = residentBytes(worker);
      Load load = new Load(client, uri);
      load.run(WARM_UP_REQUESTS);
      long warm = residentBytes(worker);
      load.run(REQUESTS);
      long after = residentBytes(worker);

      JsonNode state = state(client, uri);
      JsonNode memory = state.path("memory");
      long plan =
          memory.path("weight_bytes").asLong()
              + memory.path("kv_bytes").asLong()
              + memory.path("scratch_bytes").asLong();
      System.out.printf(
          "resident MiB: planned %d beside the JVM's, started %d, warm %d, after %d%n",
          plan / MEBIBYTE, started / MEBIBYTE, warm / MEBIBYTE, after / MEBIBYTE);
      assertTrue(state.at("/load/kv_evictions").asLong() > 0, "the pool was never full");
      assertTrue(after - warm <= GROWTH_BYTES, (after - warm) + " bytes more under load");
      assertTrue(
          after <= plan + JavaMemory.BESIDE_BYTES + memory.path("heap_bytes").asLong(),
          after + " bytes of a plan of " + plan);
    }
  }

  @Test
  void largeBodiesAtOnceNeitherEndItNorTakeItOutOfThePlan() throws Exception {
    String text = "word ".repeat(800_000);
    String array = "1,".repeat(390_000) + "1";
    List<String> bodies =
        List.of(
            "{\"model\":\"switchboard-demo\",\"prompt\":\"" + text + "\"}",
            "{\"model\":\"switchboard-demo\",\"prompt\":\"a\",\"x\":[" + array + "]}");
    try (WorkerProcess worker =
            new WorkerProcess("--model", WorkerProcess.MODEL.toString(), "--kv-memory", "32MiB");
        HttpClient client = HttpClient.newHttpClient()) {
      URI uri = URI.create("http://127.0.0.1:" + worker.await("listening").path("port").asInt());
      worker.await("ready");

      List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        HttpRequest request = tokenize(uri, bodies.get(i % 2));
        answers.add(client.sendAsync(request, BodyHandlers.ofString()));
      }
      List<Integer> statuses = answers.stream().map(answer -> answer.join().statusCode()).toList();

      JsonNode memory = state(client, uri).path("memory");
      long plan = JavaMemory.BESIDE_BYTES;
      for (String part : List.of("weight_bytes", "kv_bytes", "scratch_bytes", "heap_bytes")) {
        plan += memory.path(part).asLong();
      }
      assertEquals(List.of(200, 400), statuses.stream().distinct().sorted().toList());
      assertTrue(residentBytes(worker) <= plan, residentBytes(worker) + " bytes of " + plan);
    }
  }

  /** Gemma 3 has the largest vocabulary of the models that are served. */
  @Test
  void theLargestVocabularyFitsInTheHeapThatAGatewayGives(@TempDir Path folder) throws Exception {
    String model = SmallModel.at(folder, 262_144).toString();
    try (WorkerProcess worker =
            new WorkerProcess(
                List.of("-Xmx288m"),
                List.of("--model", model, "--model-name", "m", "--kv-memory", "32MiB"));
        HttpClient client = HttpClient.newHttpClient()) {
      URI uri = URI.create("http://127.0.0.1:" + worker.await("listening").path("port").asInt());
      worker.await("ready");

      String body = "{\"model\":\"m\",\"prompt\":\"" + "word ".repeat(800_000) + "\"}";
      List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        answers.add(client.sendAsync(tokenize(uri, body), BodyHandlers.ofString()));
      }

      for (CompletableFuture<HttpResponse<String>> answer : answers) {
        assertEquals(400, answer.join().statusCode());
      }
      String small = "{\"model\":\"m\",\"prompt\":\"word\"}";
      assertEquals(200, client.send(tokenize(uri, small), BodyHandlers.ofString()).statusCode());
    }
  }

  private static HttpRequest tokenize(URI uri, String body) {
    return HttpRequest.newBuilder(uri.resolve("/tokenize"))
        .header("Content-Type", "application/json")
        .POST(BodyPublishers.ofString(body))
        .build();
  }

  private static WorkerProcess worker() {
    String heap = HEAP_MEBIBYTES + "m";
    return new WorkerProcess(
        List.of("-Xms" + heap, "-Xmx" + heap, "-XX:+AlwaysPreTouch"),
        List.of(
            "--model",
            WorkerProcess.MODEL.toString(),
            "--threads",
            "1",
            "--max-sequences",
            Integer.toString(SEQUENCES),
            "--kv-memory",
            "32MiB"));
  }

  /** Of the process alone: no page of a file. */
  private static long residentBytes(WorkerProcess worker) throws IOException {
    Path status = Path.of("/proc", Long.toString(worker.pid()), "status");
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith("RssAnon:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    throw new AssertionError(status + " does not say RssAnon");
  }

  private static JsonNode state(HttpClient client, URI uri) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(uri.resolve("/engine/v1/state")).build();
    return json(client.send(request, BodyHandlers.ofString()).body());
  }

  /** Requests whose prompts no other has, side by side. */
  private static final class Load {
    private final HttpClient client;
    private final URI completions;
    private final Random random = new Random(1);

    Load(HttpClient client, URI uri) {
      this.client = client;
      completions = uri.resolve("/v1/completions");
    }

    void run(int requests) {
      for (int sent = 0; sent < requests; sent += SEQUENCES) {
        List<CompletableFuture<HttpResponse<String>>> together = new ArrayList<>();
        for (int i = 0; i < SEQUENCES; i++) {
          together.add(client.sendAsync(request(), BodyHandlers.ofString()));
        }
        for (CompletableFuture<HttpResponse<String>> answer : together) {
          assertEquals(200, answer.join().statusCode(), answer.join()::body);
        }
      }
    }

    private HttpRequest request() {
      String prompt = Arrays.toString(random.ints(PROMPT_TOKENS, 3, 200).toArray());
      String body =
          "{\"model\":\"switchboard-demo\",\"ignore_eos\":true,\"max_tokens\":"
              + ANSWER_TOKENS
              + ",\"prompt\":"
              + prompt
              + "}";
      return HttpRequest.newBuilder(completions)
          .header("Content-Type", "application/json")
          .POST(BodyPublishers.ofString(body))
          .build();
    }
  }
}

package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Worker processes that serve the demonstration model with the native engine. */
class WorkerProcessIT {
  private static final String GREETING =
      "{\"model\":\"switchboard-demo\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
          + "\"temperature\":0";
  private static final String LONG =
      "{\"model\":\"switchboard-demo\",\"prompt\":\"a\",\"ignore_eos\":true,\"max_tokens\":%d,"
          + "\"temperature\":0,\"stream\":true}";

  private static final String SECRET = "a-secret-of-the-fleet";

  private static WorkerProcess demo(String... more) {
    String[] options = new String[more.length + 2];
    options[0] = "--model";
    options[1] = WorkerProcess.MODEL.toString();
    System.arraycopy(more, 0, options, 2, more.length);
    return new WorkerProcess(options);
  }

  private static HttpRequest request(int port, String path, String body) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
        .header("Content-Type", "application/json")
        .POST(BodyPublishers.ofString(body))
        .build();
  }

  private static HttpResponse<String> get(int port, String path) throws Exception {
    return get(port, path, "");
  }

  private static HttpResponse<String> get(int port, String path, String authorization)
      throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path));
      if (!authorization.isEmpty()) {
        request.header("Authorization", authorization);
      }
      return client.send(request.build(), BodyHandlers.ofString());
    }
  }

  private static HttpResponse<String> post(int port, String path, String body) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(request(port, path, body), BodyHandlers.ofString());
    }
  }

  @Test
  void theDemonstrationModelAnswersAChat() throws Exception {
    try (WorkerProcess worker = demo()) {
      int port = worker.await("listening").path("port").asInt();
      JsonNode ready = worker.await("ready");

      JsonNode whole = json(post(port, "/v1/chat/completions", GREETING + "}").body());
      String stream = post(port, "/v1/chat/completions", GREETING + ",\"stream\":true}").body();

      assertEquals("switchboard-demo", ready.path("model").asText());
      String answer = whole.at("/choices/0/message/content").asText();
      assertFalse(answer.isBlank());
      StringBuilder streamed = new StringBuilder();
      for (String event : WorkerFixture.data(stream)) {
        if (!event.equals("[DONE]")) {
          streamed.append(json(event).at("/choices/0/delta/content").asText(""));
        }
      }
      assertEquals(answer, streamed.toString());
    }
  }

  @Test
  void withASocketItHasNoPortAndNobodyElseMayConnect(@TempDir Path folder) throws Exception {
    Path socket = Files.writeString(folder.resolve("w.sock"), "left by another");
    try (WorkerProcess worker = demo("--socket", socket.toString(), "--exit-with-parent")) {
      JsonNode listening = worker.await("listening");
      worker.await("ready");

      assertEquals(socket.toString(), listening.path("socket").asText());
      assertTrue(listening.path("port").isMissingNode(), listening::toString);
      assertEquals(
          "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
      assertTrue(overSocket(socket, "GET /engine/v1/load HTTP/1.1").startsWith("HTTP/1.1 200 "));
      worker.leave();
      assertEquals(0, worker.exitCode());
    }
    assertFalse(Files.exists(socket));
  }

  @Test
  void aWorkerThatCannotHaveItsSocketSaysSoAndEnds(@TempDir Path folder) {
    Path socket = folder.resolve("nowhere/w.sock");
    try (WorkerProcess worker = demo("--socket", socket.toString())) {
      JsonNode failed = worker.await("failed");

      assertEquals("cannot-listen", failed.path("reason").asText());
      assertTrue(failed.path("message").asText().contains(socket.toString()), failed::toString);
      assertEquals(4, worker.exitCode());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.0.0.0", "::", "192.0.2.1", "worker.example"})
  void aPortThatOthersReachWantsASecret(String bind) {
    try (WorkerProcess worker = demo("--bind", bind)) {
      assertEquals(2, worker.exitCode());
    }
  }

  @Test
  void aPortWithASecretIsForThoseWhoSendIt(@TempDir Path folder) throws Exception {
    Path secret = Files.writeString(folder.resolve("secret"), SECRET + "\n");
    Path socket = folder.resolve("w.sock");
    try (WorkerProcess worker =
        demo(
            "--bind",
            "0.0.0.0",
            "--port",
            "0",
            "--secret-file",
            secret.toString(),
            "--socket",
            socket.toString())) {
      int port = worker.await("listening").path("port").asInt();

      assertEquals(401, get(port, "/engine/v1/state").statusCode());
      assertEquals(200, get(port, "/engine/v1/state", "Bearer " + SECRET).statusCode());
      assertTrue(overSocket(socket, "GET /engine/v1/state HTTP/1.1").startsWith("HTTP/1.1 200 "));
    }
  }

  /** Scrapers and endpoint pickers send no secret; nothing else is open to them. */
  @ParameterizedTest
  @ValueSource(strings = {"", "--open-metrics"})
  void metricsNeedTheSecretUnlessTheyAreOpened(String open, @TempDir Path folder) throws Exception {
    Path secret = Files.writeString(folder.resolve("secret"), SECRET + "\n");
    String[] options = {"--bind", "0.0.0.0", "--secret-file", secret.toString(), open};
    try (WorkerProcess worker = demo(Arrays.copyOf(options, open.isEmpty() ? 4 : 5))) {
      int port = worker.await("listening").path("port").asInt();

      assertEquals(open.isEmpty() ? 401 : 200, get(port, "/metrics").statusCode());
      assertEquals(200, get(port, "/metrics", "Bearer " + SECRET).statusCode());
      assertEquals(401, get(port, "/v1/models").statusCode());
    }
  }

  private static String overSocket(Path socket, String requestLine) throws Exception {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      String head = requestLine + "\r\nHost: worker\r\nConnection: close\r\n\r\n";
      channel.write(ByteBuffer.wrap(head.getBytes(StandardCharsets.US_ASCII)));
      return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  @Test
  void twoStagesOfTwoRanksGiveTheSameAnswerAndATimelineOfAllFour() throws Exception {
    try (WorkerProcess one = demo();
        WorkerProcess four = demo("--stages", "2", "--ranks", "2", "--threads", "1")) {
      int onePort = one.await("listening").path("port").asInt();
      int fourPort = four.await("listening").path("port").asInt();
      one.await("ready");
      four.await("ready");

      JsonNode single = json(post(onePort, "/v1/chat/completions", GREETING + "}").body());
      HttpResponse<String> split = post(fourPort, "/v1/chat/completions", GREETING + "}");
      String id = split.headers().firstValue("X-Request-Id").orElse("");

      assertEquals(
          single.at("/choices/0/message/content"),
          json(split.body()).at("/choices/0/message/content"));
      try (HttpClient client = HttpClient.newHttpClient()) {
        URI timeline =
            URI.create("http://127.0.0.1:" + fourPort + "/engine/v1/requests/" + id + "/timeline");
        String found =
            client.send(HttpRequest.newBuilder(timeline).build(), BodyHandlers.ofString()).body();
        assertEquals(4, json(found).at("/timelines/0/prefill/lanes").size());
      }
      assertEquals(200, post(fourPort, "/engine/v1/canary", "").statusCode());
    }
  }

  /** So much slower that neighbours, which hold up either rank, make no difference. */
  @Test
  void aSlowRankIsNamed() throws Exception {
    try (HttpClient client = HttpClient.newHttpClient();
        WorkerProcess worker = demo("--ranks", "2", "--threads", "1", "--allow-fault-injection")) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      CompletableFuture<Void> _ =
          keepBusy(client, request(port, "/v1/completions", LONG.formatted(100_000)));
      String slow = "{\"kind\":\"slow\",\"rank\":1,\"amount\":500}";
      assertEquals(200, post(port, "/engine/v1/faults", slow).statusCode());

      JsonNode skew =
          Await.until("its name", () -> skew(port), seen -> seen.at("/1/straggler").asBoolean());

      assertFalse(skew.at("/0/straggler").asBoolean(), skew::toString);
    }
  }

  @Test
  @Tag("timing")
  void aRankThatIsAFifthSlowerIsNamedWithinFiveSeconds() throws Exception {
    try (HttpClient client = HttpClient.newHttpClient();
        WorkerProcess worker = demo("--ranks", "2", "--threads", "1", "--allow-fault-injection")) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      CompletableFuture<Void> load =
          keepBusy(client, request(port, "/v1/completions", LONG.formatted(100_000)));
      String slow = "{\"kind\":\"slow\",\"rank\":1,\"amount\":20}";
      assertEquals(200, post(port, "/engine/v1/faults", slow).statusCode());

      JsonNode skew = skew(port);
      // Where neighbours take this machine's cores nobody can tell who is slow: it gets more time.
      for (int turn = 0; turn < 24 && !skew.at("/1/straggler").asBoolean(); turn++) {
        JsonNode before = skew;
        skew = watch(port, 5000);
        if (late(before, skew, 0) < 250 && late(before, skew, 1) > 500) {
          break;
        }
      }

      assertTrue(skew.at("/1/straggler").asBoolean(), skew::toString);
      assertFalse(skew.at("/0/straggler").asBoolean(), skew::toString);
      assertFalse(load.isDone(), "nothing was computed any more");
    }
  }

  /** Sends the request again and again, until the worker is gone. */
  private static CompletableFuture<Void> keepBusy(HttpClient client, HttpRequest request) {
    return client
        .sendAsync(request, BodyHandlers.discarding())
        .thenCompose(answer -> keepBusy(client, request));
  }

  /** Until rank 1 is named, or the time is over. */
  private static JsonNode watch(int port, long millis) {
    Stopwatch watched = Stopwatch.start();
    return Await.until(
        "its name, or the end of the time",
        () -> skew(port),
        skew -> skew.at("/1/straggler").asBoolean() || watched.millis() >= millis);
  }

  private static double late(JsonNode before, JsonNode after, int rank) {
    String field = "/" + rank + "/late_ms";
    return after.at(field).asDouble() - before.at(field).asDouble();
  }

  private static JsonNode skew(int port) throws Exception {
    return json(get(port, "/engine/v1/state").body()).at("/health/skew");
  }

  @Test
  void terminationFinishesTheRunningStreamAndExitsWithZero() throws Exception {
    try (WorkerProcess worker = demo();
        HttpClient client = HttpClient.newHttpClient()) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      HttpResponse<Stream<String>> running =
          client.send(
              request(port, "/v1/completions", LONG.formatted(200)), BodyHandlers.ofLines());

      worker.terminate();

      List<String> lines = running.body().toList();
      assertTrue(lines.contains("data: [DONE]"));
      assertEquals(0, worker.exitCode());
    }
  }

  /** It stands still for twice the time after which its step, of half that time, would be hung. */
  @Test
  @Tag("timing")
  void aProcessThatStoodStillDoesNotHang() throws Exception {
    try (HttpClient client = HttpClient.newHttpClient();
        WorkerProcess worker = demo("--hang-timeout", "2", "--allow-fault-injection")) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      String slow = "{\"kind\":\"delay\",\"amount\":1000000000,\"steps\":1}";
      assertEquals(200, post(port, "/engine/v1/faults", slow).statusCode());
      CompletableFuture<HttpResponse<String>> answer =
          client.sendAsync(
              request(port, "/v1/completions", LONG.formatted(3)), BodyHandlers.ofString());
      Await.until("a step", () -> isInAStep(port));

      standStill(worker.pid(), 4);

      List<String> lines =
          answer.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).body().lines().toList();
      assertTrue(lines.contains("data: [DONE]"), lines::toString);
      assertEquals(200, get(port, "/readyz").statusCode());
    }
  }

  private static boolean isInAStep(int port) throws Exception {
    String state = get(port, "/engine/v1/state").body();
    return json(state).at("/health/ranks/0/current_step").asLong() != 0;
  }

  private static void standStill(long pid, int seconds) throws Exception {
    String commands = "kill -STOP %d; sleep %d; kill -CONT %d".formatted(pid, seconds, pid);
    assertEquals(0, new ProcessBuilder("sh", "-c", commands).start().waitFor());
  }

  @Test
  void aKilledWorkerBreaksItsStream() throws Exception {
    try (WorkerProcess worker = demo("--stages", "2", "--threads", "1");
        HttpClient client = HttpClient.newHttpClient()) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      HttpResponse<Stream<String>> running =
          client.send(
              request(port, "/v1/completions", LONG.formatted(100_000)), BodyHandlers.ofLines());

      worker.kill();

      assertThrows(UncheckedIOException.class, () -> running.body().toList());
      assertEquals(137, worker.exitCode());
    }
  }

  @Test
  void aHungEngineEndsItsStreamWithAnErrorAndTheProcessWithFive() throws Exception {
    try (WorkerProcess worker =
            demo("--allow-fault-injection", "--hang-timeout", "3", "--drain-timeout", "600");
        HttpClient client = HttpClient.newHttpClient()) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");
      HttpResponse<Stream<String>> running =
          client.send(
              request(port, "/v1/completions", LONG.formatted(2000)), BodyHandlers.ofLines());
      String hang = "{\"kind\":\"hang\",\"steps\":1}";
      assertEquals(200, post(port, "/engine/v1/faults", hang).statusCode());

      List<String> lines = running.body().filter(line -> !line.isEmpty()).toList();

      assertTrue(lines.getLast().startsWith("data: {\"error\":"), lines::toString);
      assertEquals("engine-lost", worker.await("failed").path("reason").asText());
      assertEquals(5, worker.exitCode());
    }
  }

  @Test
  void aWorkerFollowsItsParent() {
    try (WorkerProcess worker = demo("--exit-with-parent")) {
      worker.await("ready");

      worker.leave();

      assertEquals(0, worker.exitCode());
    }
  }

  @Test
  void aFileThatIsNoModelIsNamed(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("broken.gguf");
    Files.writeString(file, "this is no model");
    try (WorkerProcess worker = new WorkerProcess("--model", file.toString())) {
      JsonNode failed = worker.await("failed");

      assertEquals("not-gguf", failed.path("reason").asText());
      assertEquals(6, worker.exitCode());
    }
  }

  /** Every weight is a number, and what they make of a text is none. */
  @Test
  void aModelWhoseOutputIsNotFiniteIsRefusedByTheWarmUp(@TempDir Path directory)
      throws IOException {
    int large = Float.floatToIntBits(3e38f);
    Path file = DamagedModels.copy(directory, "blk.0.attn_norm.weight", 32, tensor -> large);
    try (WorkerProcess worker = new WorkerProcess("--model", file.toString())) {
      JsonNode failed = worker.await("failed");

      assertEquals("not-finite", failed.path("reason").asText(), failed::toString);
      assertTrue(
          failed.path("message").asText().startsWith("the model's output is not finite: "),
          failed::toString);
      assertEquals(6, worker.exitCode());
    }
  }

  @Test
  void aHeapThatIsTooSmallForTheModelIsNamed() {
    try (WorkerProcess worker =
        new WorkerProcess(List.of("-Xmx64m"), List.of("--model", WorkerProcess.MODEL.toString()))) {
      JsonNode failed = worker.await("failed");

      assertEquals("java-heap-too-small", failed.path("reason").asText(), failed::toString);
      assertEquals(6, worker.exitCode());
    }
  }

  @Test
  void aLayoutTheModelCannotHaveIsNamed() {
    try (WorkerProcess worker = demo("--stages", "16")) {
      JsonNode failed = worker.await("failed");

      assertEquals("invalid-argument", failed.path("reason").asText());
      assertEquals(6, worker.exitCode());
    }
  }

  @Test
  void aBudgetThatIsTooSmallIsNamedWithTheNumbers() {
    try (WorkerProcess worker = demo("--memory", "100MiB")) {
      JsonNode failed = worker.await("failed");

      assertEquals("out-of-memory", failed.path("reason").asText());
      assertTrue(
          failed.path("message").asText().startsWith("--memory is 100 MiB, but "),
          failed::toString);
      assertEquals(3, worker.exitCode());
    }
  }

  @Test
  void aBudgetIsKept() throws Exception {
    try (WorkerProcess worker = demo("--memory", "450MiB")) {
      int port = worker.await("listening").path("port").asInt();
      worker.await("ready");

      JsonNode memory = json(get(port, "/engine/v1/state").body()).path("memory");
      long bytes =
          memory.path("weight_bytes").asLong()
              + memory.path("kv_bytes").asLong()
              + memory.path("scratch_bytes").asLong()
              + memory.path("heap_bytes").asLong();
      assertTrue(bytes + JavaMemory.BESIDE_BYTES <= 450L << 20, memory::toString);
    }
  }

  @Test
  void anAddressInUseIsNamed() {
    try (WorkerProcess first = demo()) {
      int port = first.await("listening").path("port").asInt();
      try (WorkerProcess second = demo("--port", Integer.toString(port))) {
        assertEquals("cannot-listen", second.await("failed").path("reason").asText());
        assertEquals(4, second.exitCode());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"--ranks 0", "--port 65536", "--port -1", "--hang-timeout 2147484"})
  void aWrongCommandLineExitsWithTwo(String options) {
    try (WorkerProcess worker = demo(options.split(" "))) {
      assertEquals(2, worker.exitCode());
    }
  }
}

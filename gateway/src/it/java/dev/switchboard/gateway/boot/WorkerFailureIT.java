package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Real workers that die, real clients that leave, and a real gateway that is told to stop. */
class WorkerFailureIT {
  private static final int STEP_MS = 30;

  @TempDir private @Nullable Path folder;

  @Test
  void aKilledWorkersStreamEndsWithAnErrorWhereNobodyMayGoOnAndTheOthersGoOn() throws Exception {
    try (GatewayProcess gateway = slowGateway("migration: {attempts: 0}", new String[0])) {
      HttpResponse<InputStream> first = gateway.stream(100);
      HttpResponse<InputStream> second = gateway.stream(100);
      String victim = first.headers().firstValue("X-Switchboard-Replica").orElseThrow();
      String other = second.headers().firstValue("X-Switchboard-Replica").orElseThrow();
      BufferedReader dying = reader(first);
      CompletableFuture<List<String>> surviving =
          CompletableFuture.supplyAsync(() -> reader(second).lines().toList());
      for (int i = 0; i < 6; i++) {
        dying.readLine();
      }
      long pid = gateway.admin("/admin/v1/replicas/" + victim).path("pid").asLong();

      ProcessHandle.of(pid).orElseThrow().destroyForcibly();
      List<String> rest = dying.lines().filter(line -> !line.isEmpty()).toList();

      assertFalse(victim.equals(other));
      assertTrue(rest.getLast().startsWith("data: {\"error\":"), rest::toString);
      List<String> whole = surviving.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      assertEquals("data: [DONE]", whole.get(whole.size() - 2));
      JsonNode back =
          gateway.await(
              event ->
                  event.path("event").asText().equals("worker_ready")
                      && event.path("replica").asText().equals(victim));
      assertTrue(back.path("seconds").asDouble() > 0);
    }
  }

  @Test
  @Tag("timing")
  void aKilledWorkersStreamEndsWithinAQuarterOfASecondWhereNobodyMayGoOn() throws Exception {
    try (GatewayProcess gateway = slowGateway("migration: {attempts: 0}", new String[0])) {
      HttpResponse<InputStream> answer = gateway.stream(100);
      BufferedReader dying = reader(answer);
      for (int i = 0; i < 6; i++) {
        dying.readLine();
      }
      String victim = answer.headers().firstValue("X-Switchboard-Replica").orElseThrow();
      ProcessHandle worker = ProcessHandle.of(gateway.pid(victim)).orElseThrow();

      Stopwatch killed = Stopwatch.start();
      worker.destroyForcibly();
      List<String> rest = dying.lines().filter(line -> !line.isEmpty()).toList();
      long tookMs = killed.millis();

      assertTrue(rest.getLast().startsWith("data: {\"error\":"), rest::toString);
      assertTrue(tookMs <= 250, () -> "the error came after " + tookMs + " ms");
    }
  }

  /** Its stream goes on elsewhere; whoever drained it finds it as it was to be. */
  @ParameterizedTest
  @CsvSource({"true, STOPPED", "false, DRAINED"})
  void aWorkerThatIsKilledWhileItDrainsStaysOutUntilItIsResumed(boolean stop, String end)
      throws Exception {
    try (GatewayProcess gateway = slowGateway()) {
      HttpResponse<InputStream> answer = gateway.stream(100);
      String victim = answer.headers().firstValue("X-Switchboard-Replica").orElseThrow();
      String path = "/admin/v1/replicas/" + victim;
      BufferedReader reader = reader(answer);
      reader.readLine();
      CompletableFuture<List<String>> rest =
          CompletableFuture.supplyAsync(
              () -> reader.lines().filter(line -> !line.isEmpty()).toList());
      long pid = gateway.pid(victim);

      JsonNode begun =
          gateway.adminPost(path + "/drain", "{\"grace_ms\":600000,\"stop\":" + stop + "}");
      gateway.kill(victim);
      // It may be empty before anybody sees that its process has ended.
      JsonNode out =
          Await.until(end, () -> gateway.admin(path), replica -> without(replica, pid, end));
      gateway.adminPost(path + "/resume", "");
      gateway.awaitState(victim, "READY");

      assertEquals("DRAINING", begun.path("state").asText(), begun::toString);
      assertEquals("data: [DONE]", rest.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).getLast());
      assertEquals(stop, out.path("pid").isNull(), out::toString);
      assertTrue(gateway.pid(victim) != pid);
    }
  }

  private static boolean without(JsonNode replica, long pid, String state) {
    return replica.path("state").asText().equals(state) && replica.path("pid").asLong() != pid;
  }

  /** Far more than the retries that may be saved up, in the batch and waiting for it. */
  @Test
  void whatADeadWorkerHadWithoutATokenBeginsAnewElsewhereWhateverRetriesAreLeft() throws Exception {
    String yaml = "admission: {replica-concurrency: 256}";
    try (GatewayProcess gateway = slowGateway(yaml, new String[0])) {
      gateway.slow("w0", 1000);
      gateway.slow("w1", 1000);
      List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
      for (int i = 0; i < 90; i++) {
        answers.add(ask(gateway, i % 2 == 0, i));
      }
      Await.until("in flight at w0", () -> inFlight(gateway, "w0"), count -> count >= 30);

      gateway.kill("w0");
      Await.until("failed attempts", () -> failed(gateway), count -> count >= 30);
      gateway.slow("w1", 0);

      for (CompletableFuture<HttpResponse<String>> answer : answers) {
        HttpResponse<String> read = answer.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
        assertEquals(200, read.statusCode(), read::body);
        assertFalse(read.body().contains("\"error\""), read::body);
        assertTrue(read.body().contains("\"finish_reason\":\"length\""), read::body);
      }
    }
  }

  private static int inFlight(GatewayProcess gateway, String replica) throws Exception {
    return gateway.admin("/admin/v1/replicas/" + replica).path("in_flight").asInt();
  }

  private static double failed(GatewayProcess gateway) throws Exception {
    return new MetricsText(gateway.metrics())
        .sum("switchboard_upstream_attempts_total", "result=\"failed\"");
  }

  private static CompletableFuture<HttpResponse<String>> ask(
      GatewayProcess gateway, boolean stream, int seed) {
    String body =
        ("{'model':'switchboard-demo','stream':"
                + stream
                + ",'max_tokens':4,'ignore_eos':true,'seed':"
                + seed
                + ",'messages':[{'role':'user','content':'Hello'}]}")
            .replace('\'', '"');
    HttpRequest request =
        HttpRequest.newBuilder(gateway.api("/v1/chat/completions"))
            .header("X-SLO-Class", "batch")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    return gateway.client().sendAsync(request, HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void aClientThatLeavesStopsTheEngineWithinTwoSteps() throws Exception {
    try (GatewayProcess gateway = slowGateway("--workers", "1")) {
      gateway.slow("w0", 150);
      HttpResponse<InputStream> answer = gateway.stream(200);
      BufferedReader reader = reader(answer);
      for (int i = 0; i < 6; i++) {
        reader.readLine();
      }
      // The next two of them take longer than a busy machine does to hear of it.
      gateway.slow("w0", 1000);

      answer.body().close();
      long stepsAtLeaving = gateway.workerState("w0").path("load").path("step").asLong();
      Await.until("running", () -> running(gateway), count -> count == 0);
      long steps = gateway.workerState("w0").path("load").path("step").asLong() - stepsAtLeaving;

      assertTrue(steps <= 2, () -> "the engine went on for " + steps + " steps");
      Await.until("in flight", () -> inFlight(gateway, "w0"), count -> count == 0);
      assertCharged(gateway, answer.headers().firstValue("X-Request-Id").orElseThrow());
    }
  }

  /** By the worker's account, which told the prompt with its first words. */
  private static void assertCharged(GatewayProcess gateway, String id) throws Exception {
    JsonNode used = gateway.admin("/admin/v1/usage?tenant=default").at("/usage/0");
    JsonNode told = gateway.admin("/admin/v1/requests/" + id + "/timeline?full=true");
    int tokens = used.path("output_tokens").asInt();
    assertTrue(tokens >= 2 && tokens <= 8, used::toString);
    assertTrue(used.path("prompt_tokens").asInt() > 1, used::toString);
    assertEquals(tokens, told.path("completion_tokens").asInt(), told::toString);
    assertEquals(
        used.path("prompt_tokens").asInt(), told.path("prompt_tokens").asInt(), told::toString);
  }

  @Test
  void toldToStopItFinishesItsStreamsStopsItsWorkersAndExitsWithZero() throws Exception {
    GatewayProcess gateway = slowGateway();
    BufferedReader reader = reader(gateway.stream(60));
    reader.readLine();
    List<Long> workers =
        List.of(
            gateway.admin("/admin/v1/replicas/w0").path("pid").asLong(),
            gateway.admin("/admin/v1/replicas/w1").path("pid").asLong());

    gateway.terminate();
    List<String> rest = reader.lines().filter(line -> !line.isEmpty()).toList();

    assertEquals("data: [DONE]", rest.getLast());
    assertTrue(gateway.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    assertEquals(0, gateway.process().exitValue());
    for (long worker : workers) {
      assertFalse(ProcessHandle.of(worker).map(ProcessHandle::isAlive).orElse(false));
    }
    gateway.close();
  }

  @Test
  void aModelThatCannotBeLoadedEndsTheGatewayWithTheReason() throws Exception {
    Path broken = Path.of(String.valueOf(folder)).resolve("broken.gguf");
    Files.writeString(broken, "not a model");
    try (GatewayProcess gateway =
        GatewayProcess.start(List.of(), "--model", broken.toString(), "--workers", "1")) {

      JsonNode failed = gateway.await(event -> event.path("event").asText().equals("failed"));

      assertTrue(failed.path("message").asText().contains("broken"), failed::toString);
      assertTrue(gateway.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      assertEquals(6, failed.path("status").asInt());
      assertEquals(6, gateway.process().exitValue());
    }
  }

  /**
   * The file is the demonstration model but for some bytes that follow a name in its head.
   *
   * @param after what ends so many bytes before them
   * @param hex in the place of as many
   */
  @ParameterizedTest
  @CsvSource({
    "general.architecture, 12, 6c6c616d78, llamx",
    "blk.0.attn_q.weight, 20, 63000000, blk.0.attn_q.weight",
  })
  void aModelOfAnUnknownArchitectureOrTypeEndsTheGatewayWithTheReason(
      String after, int distance, String hex, String named) throws Exception {
    byte[] model =
        Files.readAllBytes(
            GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf"));
    int at = end(model, after) + distance;
    byte[] other = HexFormat.of().parseHex(hex);
    System.arraycopy(other, 0, model, at, other.length);
    Path file = Files.write(Path.of(String.valueOf(folder)).resolve("other.gguf"), model);
    try (GatewayProcess gateway =
        GatewayProcess.start(List.of(), "--model", file.toString(), "--workers", "1")) {

      JsonNode failed = gateway.await(event -> event.path("event").asText().equals("failed"));

      assertTrue(failed.path("message").asText().contains(named), failed::toString);
      assertTrue(gateway.process().waitFor(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      assertEquals(6, failed.path("status").asInt());
      assertEquals(6, gateway.process().exitValue());
    }
  }

  private static int end(byte[] model, String name) {
    int at = new String(model, StandardCharsets.ISO_8859_1).indexOf(name);
    assertTrue(at > 0, name);
    return at + name.length();
  }

  private GatewayProcess slowGateway(String... arguments) throws Exception {
    return slowGateway("", arguments);
  }

  private GatewayProcess slowGateway(String yaml, String[] arguments) throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(config, "workers: {arguments: [--allow-fault-injection]}\n" + yaml);
    String[] all = new String[arguments.length + 2];
    System.arraycopy(arguments, 0, all, 0, arguments.length);
    all[arguments.length] = "--config";
    all[arguments.length + 1] = config.toString();
    GatewayProcess gateway = GatewayProcess.start(List.of(), all).awaitReady();
    Await.until("every replica", () -> everyReplicaReady(gateway));
    for (JsonNode replica : gateway.admin("/admin/v1/replicas").path("replicas")) {
      gateway.slow(replica.path("id").asText(), STEP_MS);
    }
    return gateway;
  }

  private static boolean everyReplicaReady(GatewayProcess gateway) throws Exception {
    for (JsonNode replica : gateway.admin("/admin/v1/replicas").path("replicas")) {
      if (!replica.path("state").asText().equals("READY")) {
        return false;
      }
    }
    return true;
  }

  private static int running(GatewayProcess gateway) throws Exception {
    JsonNode load = gateway.workerState("w0").path("load");
    return load.path("running").asInt() + load.path("requests").asInt();
  }

  private static BufferedReader reader(HttpResponse<InputStream> answer) {
    return new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8));
  }
}

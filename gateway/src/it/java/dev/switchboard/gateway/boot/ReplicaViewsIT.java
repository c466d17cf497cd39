package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the admin API tells of a real worker: its state, its steps, its log, and how it ended. */
class ReplicaViewsIT {
  /** Some of them are three tokens, and the context has 2048. */
  private static final int PROMPT_WORDS = 600;

  /** What a lane can be at; when one of them ends the next one begins. */
  private static final List<String> PARTS =
      List.of(
          "compute_us",
          "all_reduce_wait_us",
          "receive_wait_us",
          "send_us",
          "sample_us",
          "copy_us",
          "off_cpu_us");

  private static final List<String> LANE_FIELDS =
      Stream.of(List.of("stage", "rank", "start_us", "end_us"), PARTS, List.of("late_us", "bytes"))
          .flatMap(List::stream)
          .toList();

  @TempDir private static @Nullable Path folder;
  private static FakeUpstream foreign;
  private static GatewayProcess gateway;

  @BeforeAll
  static void start() throws Exception {
    foreign = new FakeUpstream();
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    GatewayProcess.writeConfig(
        config,
        """
        workers: {local: 1, ranks: 2, threads: 1, arguments: [--allow-fault-injection]}
        upstreams: [{url: '%s', models: [foreign], api-key-env: FOREIGN_KEY}]
        """
            .formatted(foreign.url()));
    gateway =
        GatewayProcess.startWith(
                Map.of("FOREIGN_KEY", "sk-of-foreign"), "--config", config.toString())
            .awaitReady();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    foreign.close();
  }

  @Test
  void aWorkersStateIsPassedOnWhole() throws Exception {
    JsonNode state = gateway.admin("/admin/v1/replicas/w0/state");

    assertEquals("ready", state.path("state").asText());
    assertEquals("llama", state.at("/model/architecture").asText());
    assertEquals(2, state.at("/topology/ranks").asInt());
    assertTrue(state.at("/memory/weight_bytes").asLong() > 0, state::toString);
    assertEquals(2, state.at("/health/ranks").size());
    assertEquals(2, state.at("/health/times").size());
    assertAsDocumented("/admin/v1/replicas/{id}/state", state);
  }

  @Test
  void itsLatestStepsTellPromptsTokensAndWhereTheTimeOfEachLaneWent() throws Exception {
    gateway.stream(40).body().readAllBytes();

    JsonNode told = gateway.admin("/admin/v1/replicas/w0/steps?last=30");

    assertEquals(30, told.path("steps").size());
    List<String> fields = new ArrayList<>();
    told.path("lane_fields").forEach(field -> fields.add(field.asText()));
    long before = 0;
    for (JsonNode step : told.path("steps")) {
      assertTrue(step.path("step").asLong() > before, told::toString);
      before = step.path("step").asLong();
      assertEquals(1, step.path("requests").asInt());
      assertEquals(1, step.path("tokens").asInt());
      assertEquals(0, step.path("prompt_tokens").asInt());
      assertEquals(2, step.path("lanes").size());
      long length = step.path("end_ns").asLong() - step.path("start_ns").asLong();
      for (JsonNode lane : step.path("lanes")) {
        assertTrue(lane.get(fields.indexOf("compute_us")).asLong() > 0, step::toString);
        assertTrue(lane.get(fields.indexOf("end_us")).asLong() <= length / 1000, step::toString);
      }
    }
    assertAsDocumented("/admin/v1/replicas/{id}/steps", told);
  }

  /** Two streams at once, one of them behind a prompt of some steps. */
  @Test
  void aStepTellsItsPromptsItsBatchAndAllOfTheTimeOfEachLane() throws Exception {
    List<JsonNode> steps;
    try (InputStream first = gateway.stream(2000).body()) {
      assertTrue(first.read() >= 0);
      HttpResponse<String> answer = gateway.post(gateway.api("/v1/chat/completions"), longPrompt());
      assertEquals(200, answer.statusCode(), answer.body());
      steps = steps("?last=1000");
    }
    // Its client has left, and later steps are of others alone.
    Await.until("nothing runs", ReplicaViewsIT::nothingRuns);

    long prompt = steps.stream().mapToLong(step -> step.path("prompt_tokens").asLong()).sum();
    assertTrue(prompt >= PROMPT_WORDS, () -> "of the prompt " + prompt);
    for (JsonNode step : steps) {
      int tokens = step.path("tokens").asInt();
      int ofPrompts = step.path("prompt_tokens").asInt();
      int requests = step.path("requests").asInt();
      // Each of them has a token in it, or some of its prompt.
      assertTrue(tokens - ofPrompts <= requests && tokens >= requests, step::toString);
      for (JsonNode lane : step.path("lanes")) {
        assertAccounted(lane, step);
      }
    }
    assertTrue(
        steps.stream()
            .anyMatch(
                step ->
                    step.path("requests").asInt() == 2
                        && step.path("prompt_tokens").asInt() > 0
                        && step.path("tokens").asInt() == step.path("prompt_tokens").asInt() + 1),
        "a step with tokens of one and of the other's prompt");
    assertTrue(
        steps.stream()
            .anyMatch(
                step ->
                    step.path("tokens").asInt() == 2 && step.path("prompt_tokens").asInt() == 0),
        "a step with a token of both");
  }

  private static boolean nothingRuns() throws Exception {
    return gateway.workerState("w0").path("in_flight").isEmpty();
  }

  /** What a lane did and waited for is no longer than it ran, but for fractions of each part. */
  private static void assertAccounted(JsonNode lane, JsonNode step) {
    assertTrue(PARTS.stream().allMatch(part -> us(lane, part) >= 0), step::toString);
    long parts = PARTS.stream().mapToLong(part -> us(lane, part)).sum();
    long ran = us(lane, "end_us") - us(lane, "start_us");
    assertTrue(us(lane, "start_us") >= 0 && parts <= 1.01 * ran + 100, () -> parts + " of " + step);
  }

  @Test
  void aSlowRankIsInTheWaitOfTheOtherAndInItsOwnLateness() throws Exception {
    gateway.fault("w0", "{\"kind\":\"slow\",\"stage\":0,\"rank\":1,\"amount\":8000}");
    List<JsonNode> steps;
    try {
      gateway.stream(40).body().readAllBytes();
      steps = steps("?last=30");
    } finally {
      gateway.fault("w0", "{\"kind\":\"none\",\"stage\":0,\"rank\":1}");
    }

    long waits = sum(steps, 0, "all_reduce_wait_us");
    assertTrue(waits > 3 * sum(steps, 0, "compute_us"), steps::toString);
    assertTrue(waits > 3 * sum(steps, 1, "all_reduce_wait_us"), steps::toString);
    assertTrue(sum(steps, 1, "late_us") > 3 * sum(steps, 0, "late_us"), steps::toString);
  }

  private static long sum(List<JsonNode> steps, int rank, String field) {
    return steps.stream()
        .flatMap(step -> step.path("lanes").valueStream())
        .filter(lane -> us(lane, "rank") == rank)
        .mapToLong(lane -> us(lane, field))
        .sum();
  }

  private static long us(JsonNode lane, String field) {
    return lane.path(LANE_FIELDS.indexOf(field)).asLong(-1);
  }

  private static List<JsonNode> steps(String query) throws Exception {
    JsonNode told = gateway.admin("/admin/v1/replicas/w0/steps" + query);
    assertEquals(
        LANE_FIELDS, told.path("lane_fields").valueStream().map(JsonNode::asText).toList());
    return told.path("steps").valueStream().toList();
  }

  private static String longPrompt() {
    return "{\"model\":\"switchboard-demo\",\"max_tokens\":20,\"ignore_eos\":true,"
        + "\"messages\":[{\"role\":\"user\",\"content\":\""
        + "steps and lanes ".repeat(PROMPT_WORDS / 3)
        + "\"}]}";
  }

  @Test
  void itsDevicesAreToldWithTheirDriver() throws Exception {
    JsonNode told = gateway.admin("/admin/v1/replicas/w0/devices");

    assertEquals("13.0", told.at("/driver/needed_cuda").asText());
    boolean absent = told.at("/driver/state").asText().equals("absent");
    assertEquals(absent, told.at("/findings/0/code").asText().equals("no_driver"), told::toString);
    assertAsDocumented("/admin/v1/replicas/{id}/devices", told);
  }

  @Test
  void aWorkerThatWasKilledIsToldWithItsEndAndTheLogBeforeIt() throws Exception {
    Instant began = Instant.now();
    JsonNode before = gateway.admin("/admin/v1/replicas/w0");
    JsonNode lines = log();
    long weightBytes = gateway.workerState("w0").at("/memory/weight_bytes").asLong();

    try (HttpClient client = HttpClient.newHttpClient();
        EventReader events =
            EventReader.of(client, gateway.adminUri("/admin/v1/events?types=replica_loading"))) {
      gateway.kill("w0");
      JsonNode loading = events.await(ReplicaViewsIT::loadedAll).data();
      assertEquals("w0", loading.path("replica").asText(), loading::toString);
      assertEquals(GatewayProcess.MODEL, loading.path("model").asText(), loading::toString);
      assertTrue(loading.path("total_bytes").asLong() <= weightBytes, loading::toString);
      assertEquals(List.of(), document().faults("ReplicaLoadingEvent", loading.toString()));
    }
    int wanted = before.path("restarts").asInt() + 1;
    Await.until("restarts", ReplicaViewsIT::restarts, restarts -> restarts == wanted);
    gateway.awaitState("w0", "READY");

    JsonNode after = gateway.admin("/admin/v1/replicas/w0");
    assertAsDocumented("/admin/v1/replicas/{id}", after);
    assertTrue(Instant.parse(after.path("since").asText()).isAfter(began), after::toString);
    assertEquals("killed", after.at("/last_exit/cause").asText());
    assertEquals(137, after.at("/last_exit/status").asInt());
    assertTrue(after.at("/last_exit/message").asText().contains("137"), after::toString);
    assertTrue(after.path("loading").isNull(), after::toString);
    assertTrue(log().path("lines").size() > lines.path("lines").size());
  }

  /** Its first one comes before it knows how much that is. */
  private static boolean loadedAll(EventReader.Event event) {
    long done = event.data().path("done_bytes").asLong(-1);
    return done > 0 && done == event.data().path("total_bytes").asLong();
  }

  private static JsonNode log() throws Exception {
    return log(500);
  }

  private static JsonNode log(int lines) throws Exception {
    return gateway.admin("/admin/v1/replicas/w0/log?lines=" + lines);
  }

  @Test
  void asManyOfTheLastLinesOfItsLogAreToldAsAreAskedFor() throws Exception {
    List<String> all = log().path("lines").valueStream().map(JsonNode::asText).toList();
    List<String> last = log(3).path("lines").valueStream().map(JsonNode::asText).toList();

    assertEquals(all.subList(all.size() - 3, all.size()), last);
    assertTrue(
        all.stream().anyMatch(line -> line.contains("Lifecycle phase from=warming to=ready")),
        all::toString);
  }

  @Test
  void ofEachKeyOfTheConfigurationItIsToldWhereItsValueIsFrom() throws Exception {
    gateway.adminSend("PUT", "/admin/v1/slo-classes/mine", "{\"ttft_ms\":900}");

    JsonNode origins = gateway.admin("/admin/v1/config").path("origins");
    JsonNode port = origins.path("http.port");
    assertEquals("flag", port.path("origin").asText(), port::toString);
    assertEquals("--port", port.path("flag").asText(), port::toString);
    assertEquals("file", origins.at("/workers.ranks/origin").asText());
    assertEquals(1, origins.at("/workers.ranks/line").asInt());
    assertEquals("default", origins.at("/flight.slow-ms/origin").asText());
    JsonNode key = origins.path("upstreams[0].api-key");
    assertEquals("environment", key.path("origin").asText(), key::toString);
    assertEquals("FOREIGN_KEY", key.path("variable").asText(), key::toString);
    assertEquals("store", origins.at("/slo.classes[mine]/origin").asText(), origins::toString);
    assertFalse(gateway.admin("/admin/v1/config").toString().contains("sk-of-foreign"));
  }

  private static void assertAsDocumented(String path, JsonNode answer) throws Exception {
    ApiDocument document = document();
    assertEquals(
        List.of(), document.faults(document.operation("GET", path), 200, answer.toString()));
  }

  private static ApiDocument document() throws Exception {
    return ApiDocument.of(gateway.admin("/openapi.json").toString());
  }

  private static int restarts() throws Exception {
    return gateway.admin("/admin/v1/replicas/w0").path("restarts").asInt();
  }

  @ParameterizedTest
  @CsvSource({
    "u0/state, 409, no_worker",
    "u0/steps, 409, no_worker",
    "u0/devices, 409, no_worker",
    "u0/log, 409, not_local",
    "w9/state, 404, not_found",
    "w0/steps?last=0, 400, null",
    "w0/steps?last=1001, 400, null",
    "w0/log?lines=501, 400, null"
  })
  void whatCannotBeToldIsRefusedWithItsReason(String path, int status, String code)
      throws Exception {
    URI uri = gateway.adminUri("/admin/v1/replicas/" + path);
    HttpResponse<String> answer;
    try (HttpClient client = HttpClient.newHttpClient()) {
      answer =
          client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
    }

    assertEquals(status, answer.statusCode(), answer::body);
    assertTrue(
        answer.body().contains("\"code\":" + (code.equals("null") ? code : "\"" + code + "\"")),
        answer::body);
  }
}

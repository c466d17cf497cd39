package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the admin API tells of a real worker: its state, its steps, its log, and how it ended. */
class ReplicaViewsIT {
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
        workers: {local: 1, ranks: 2, threads: 1}
        upstreams: [{url: '%s', models: [foreign]}]
        """
            .formatted(foreign.url()));
    gateway = GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady();
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

    try (HttpClient client = HttpClient.newHttpClient();
        EventReader events =
            EventReader.of(client, gateway.adminUri("/admin/v1/events?types=replica_loading"))) {
      gateway.kill("w0");
      JsonNode loading = events.await(each -> true).data();
      assertEquals("w0", loading.path("replica").asText(), loading::toString);
      assertEquals(GatewayProcess.MODEL, loading.path("model").asText(), loading::toString);
      assertTrue(
          loading.path("done_bytes").asLong(-1) <= loading.path("total_bytes").asLong(-2),
          loading::toString);
    }
    InProcessGateway.await(() -> restarts() == before.path("restarts").asInt() + 1);
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

  private static JsonNode log() throws Exception {
    return gateway.admin("/admin/v1/replicas/w0/log?lines=500");
  }

  private static void assertAsDocumented(String path, JsonNode answer) throws Exception {
    ApiDocument document = ApiDocument.of(gateway.admin("/openapi.json").toString());
    assertEquals(
        List.of(), document.faults(document.operation("GET", path), 200, answer.toString()));
  }

  private static int restarts() {
    return gateway.adminUnchecked("/admin/v1/replicas/w0").path("restarts").asInt();
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

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One model whose workers are of several groups of one configuration: some with a device, though an
 * emulated one, or none where they want one, and some on the processor.
 */
class WorkerGroupsIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String BODY =
      ("{'model':'switchboard-demo','stream':true,'seed':1,'max_tokens':4,"
              + "'messages':[{'role':'user','content':'Hi'}]}")
          .replace('\'', '"');

  /** Requests after which a replica's costs are its own. */
  private static final int LESSONS = 4;

  @TempDir private @Nullable Path folder;

  private static Path library(String name) {
    return Path.of(System.getProperty("switchboard.library")).resolveSibling(name);
  }

  private GatewayProcess start(Path library, String... groups) throws Exception {
    Path config = Objects.requireNonNull(folder).resolve("switchboard.yaml");
    Files.writeString(
        config, models(groups) + "workers: {threads: 1, arguments: [--kv-memory, 8192tokens]}\n");
    return GatewayProcess.startWith(
        Map.of("SWITCHBOARD_CUDA_LIBRARY", library.toString()), "--config", config.toString());
  }

  private static String models(String... groups) {
    Path model = GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf");
    return "models: [{file: \"%s\", groups: [%s]}]%n".formatted(model, String.join(", ", groups));
  }

  @Test
  void aDeviceAndTheProcessorServeOneModelAndWhoPromisesMoreIsTaken() throws Exception {
    try (GatewayProcess gateway =
        start(
            library("libswitchboard_emulated.so"),
            "{device: cuda, devices: [0]}",
            "{device: cpu}")) {
      gateway.awaitReady();
      gateway.awaitStates(2, 0);
      String onDevice = lessons(gateway, "w0", "w1");
      String onCpu = lessons(gateway, "w1", "w0");

      // The processor looks slow where its core was wanted by others for a moment.
      StreamClient next =
          Await.until(
              "a stream at the processor",
              () -> {
                lessons(gateway, "w1", "w0");
                return StreamClient.open(gateway, "/v1/chat/completions", BODY);
              },
              stream -> stream.replica().equals("w1"));
      String said = said(next);
      JsonNode told =
          gateway.admin("/admin/v1/requests/" + next.id() + "/timeline?full=true").path("route");

      assertEquals(onDevice, onCpu);
      assertEquals(onDevice, said);
      assertEquals("w1", next.replica());
      assertTrue(
          GatewayProcess.promisedMs(told, "w0") > GatewayProcess.promisedMs(told, "w1"),
          told::toString);
      assertTrue(gateway.workerState("w0").at("/topology/isa").asText().startsWith("cuda"));
      JsonNode device = gateway.admin("/admin/v1/replicas/w0");
      JsonNode cpu = gateway.admin("/admin/v1/replicas/w1");
      assertEquals("cuda", device.path("device").asText());
      assertEquals("0", device.path("visible_devices").asText());
      assertEquals("cpu", cpu.path("device").asText());
      assertTrue(cpu.path("visible_devices").isNull());
      assertEquals("0", environment(gateway, "w0").get("CUDA_VISIBLE_DEVICES"));
      JsonNode spec = gateway.admin("/admin/v1/models/switchboard-demo").path("spec");
      assertEquals(2, spec.path("workers").asInt());
      assertEquals("cuda", spec.at("/groups/0/device").asText());
    }
  }

  @Test
  void workersWithoutTheirDeviceFailByNameAndThoseOfTheProcessorServe() throws Exception {
    try (GatewayProcess gateway =
        start(
            library("no_such_library.so"),
            "{device: cuda, workers: 2, devices: [0, 1]}",
            "{device: auto, devices: [3]}",
            "{device: cpu}")) {
      gateway.awaitReady();
      gateway.awaitStates(2, 0);
      for (String id : List.of("w0", "w1")) {
        gateway.awaitState(id, "FAILED");
        JsonNode failed = gateway.admin("/admin/v1/replicas/" + id);
        assertEquals("no_library", failed.at("/last_exit/reason").asText(), failed::toString);
        assertEquals(6, failed.at("/last_exit/status").asInt(), failed::toString);
        assertEquals("cuda", failed.path("device").asText(), failed::toString);
        assertTrue(failed.path("reason").asText().contains("no_library"), failed::toString);
      }
      Await.until(
          "the device", () -> device(gateway.admin("/admin/v1/replicas/w2")), "cpu"::equals);
      assertEquals("3", environment(gateway, "w2").get("CUDA_VISIBLE_DEVICES"));
      Await.until(
          "the reason",
          () -> logged(gateway, "w2"),
          log -> log.contains("device=cpu reason=") && log.contains("cuda: no_library"));
      assertFalse(said(StreamClient.open(gateway, "/v1/chat/completions", BODY)).isEmpty());
    }
  }

  @Test
  void aReloadOfOneGroupLeavesTheProcessesOfTheOtherAlone() throws Exception {
    try (GatewayProcess gateway =
        start(library("no_such_library.so"), "{device: cuda}", "{device: cpu}")) {
      gateway.awaitReady();
      long pid = gateway.pid("w1");

      gateway.rewrite(models("{device: cpu}", "{device: cpu, threads: 2}"));
      JsonNode change = gateway.adminPost("/admin/v1/config/reload", "").path("replicas");
      gateway.awaitStates(2, 0);

      assertEquals("w2", change.at("/added/0").asText(), change::toString);
      assertEquals("w0", change.at("/removed/0").asText(), change::toString);
      assertEquals(0, change.path("replaced").size(), change::toString);
      assertEquals(pid, gateway.pid("w1"));
      HttpResponse<String> refused =
          gateway.admin("PATCH", "/admin/v1/models/switchboard-demo?plan=true", "{\"workers\":3}");
      assertEquals(400, refused.statusCode(), refused::body);
      assertTrue(refused.body().contains("groups say how many workers"), refused::body);
    }
  }

  /** What a replica answers while the other takes nothing. */
  private static String lessons(GatewayProcess gateway, String of, String other) throws Exception {
    String said = "";
    gateway.adminPost("/admin/v1/replicas/" + other + "/cordon", "");
    for (int i = 0; i < LESSONS; i++) {
      StreamClient stream = StreamClient.open(gateway, "/v1/chat/completions", BODY);
      said = said(stream);
      assertEquals(of, stream.replica());
    }
    gateway.adminPost("/admin/v1/replicas/" + other + "/uncordon", "");
    gateway.awaitStates(2, 0);
    return said;
  }

  /** Its text; tokens that came at once share an event. */
  private static String said(StreamClient stream) throws Exception {
    List<String> lines = stream.rest();
    assertTrue(lines.contains("data: [DONE]"), lines::toString);
    StringBuilder text = new StringBuilder();
    for (String line : lines) {
      if (line.startsWith("data: {")) {
        JsonNode event = JSON.readTree(line.substring("data: ".length()));
        text.append(event.at("/choices/0/delta/content").asText());
      }
    }
    return text.toString();
  }

  /** Of {@code auto} nobody knows before the worker tells it. */
  private static String device(JsonNode replica) {
    return replica.path("device").asText();
  }

  private static String logged(GatewayProcess gateway, String replica) throws Exception {
    return gateway.admin("/admin/v1/replicas/" + replica + "/log").toString();
  }

  private static Map<String, String> environment(GatewayProcess gateway, String replica)
      throws Exception {
    byte[] all = Files.readAllBytes(Path.of("/proc/" + gateway.pid(replica) + "/environ"));
    Map<String, String> variables = new HashMap<>();
    Arrays.stream(new String(all, StandardCharsets.UTF_8).split("\0"))
        .map(each -> each.split("=", 2))
        .filter(pair -> pair.length == 2)
        .forEach(pair -> variables.put(pair[0], pair[1]));
    return variables;
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three workers of one model, the last of which keeps keys and values in another form: its answers
 * may be others.
 */
class UnlikeWorkersIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final int STREAMS = 5;
  private static final int STEP_MS = 40;

  @Test
  void streamsGoOnAtAWorkerLikeTheirsAndElsewhereOnlyWhereThereIsNone(@TempDir Path folder)
      throws Exception {
    Path model = GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf");
    try (LoneWorker first = worker(model, "f16");
        LoneWorker second = worker(model, "f16");
        LoneWorker unlike = worker(model, "q8_0");
        GatewayProcess gateway =
            GatewayProcess.start(
                List.of(), "--config", config(folder, first, second, unlike).toString())) {
      gateway.awaitReady().awaitStates(3, 0);
      List<String> replicas = new ArrayList<>();
      for (LoneWorker each : List.of(first, second, unlike)) {
        each.slow(gateway.client(), STEP_MS);
        replicas.add(ids(gateway).get(each.url()));
      }
      List<StreamClient> streams = openAt(gateway, replicas);

      first.kill();
      awaitMoves(gateway, STREAMS);
      assertEquals(0, sum(gateway, "switchboard_migrations_inexact_total"));
      second.kill();
      awaitMoves(gateway, 2 * STREAMS);

      assertEquals(STREAMS, sum(gateway, "switchboard_migrations_inexact_total"));
      for (StreamClient stream : streams) {
        assertTrue(stream.rest().contains("data: [DONE]"));
        JsonNode told = gateway.admin("/admin/v1/requests/" + stream.id() + "/timeline?full=true");
        assertEquals(replicas, told.path("attempts").findValuesAsText("replica"), told::toString);
      }
    }
  }

  private static LoneWorker worker(Path model, String kvType) throws Exception {
    return new LoneWorker(
        model, "--threads", "1", "--kv-memory", "8192tokens", "--kv-type", kvType);
  }

  private static Path config(Path folder, LoneWorker... workers) throws Exception {
    StringBuilder yaml = new StringBuilder("upstreams:\n");
    for (LoneWorker each : workers) {
      yaml.append("  - {url: \"").append(each.url()).append("\", worker: true, models: [");
      yaml.append(GatewayProcess.MODEL).append("]}\n");
    }
    return Files.writeString(folder.resolve("gateway.yaml"), yaml);
  }

  /** By URL. */
  private static Map<String, String> ids(GatewayProcess gateway) throws Exception {
    Map<String, String> ids = new HashMap<>();
    for (JsonNode replica : gateway.admin("/admin/v1/replicas").path("replicas")) {
      ids.put(replica.path("url").asText(), replica.path("id").asText());
    }
    return ids;
  }

  /** At the first one; the others may have them as soon as some of each was read. */
  private static List<StreamClient> openAt(GatewayProcess gateway, List<String> replicas)
      throws Exception {
    List<String> others = replicas.subList(1, replicas.size());
    for (String other : others) {
      gateway.adminPost("/admin/v1/replicas/" + other + "/cordon", "");
    }
    List<StreamClient> streams = new ArrayList<>();
    for (int i = 0; i < STREAMS; i++) {
      streams.add(stream(gateway, i));
    }
    for (StreamClient stream : streams) {
      stream.awaitEvents(3);
    }
    for (String other : others) {
      gateway.adminPost("/admin/v1/replicas/" + other + "/uncordon", "");
    }
    gateway.awaitStates(3, 0);
    return streams;
  }

  private static StreamClient stream(GatewayProcess gateway, int seed) throws Exception {
    String body =
        ("{'model':'%s','stream':true,'seed':%d,'temperature':1,'max_tokens':250,"
                + "'ignore_eos':true,'messages':[{'role':'user','content':'Hello'}]}")
            .formatted(GatewayProcess.MODEL, seed)
            .replace('\'', '"');
    return StreamClient.open(gateway, CHAT, body);
  }

  private static void awaitMoves(GatewayProcess gateway, int count) {
    Await.until(
        "streams that were moved",
        () -> sum(gateway, "switchboard_migrations_total", "result=\"resumed\""),
        moved -> moved == count);
  }

  private static double sum(GatewayProcess gateway, String name, String... labels)
      throws Exception {
    return new MetricsText(gateway.metrics()).sum(name, labels);
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Engine workers that another gateway runs: known by their URLs and the secret of their ports, and
 * treated as one's own.
 */
class RemoteWorkerIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final int STEP_MS = 15;

  @Test
  void streamsMoveAndTimelinesReachTheRanksOfWorkersElsewhere(@TempDir Path folder)
      throws Exception {
    try (GatewayProcess runner =
        GatewayProcess.start(List.of(), "--config", FleetSecret.runner(folder).toString())) {
      runner.awaitReady().awaitStates(2, 0);
      try (GatewayProcess gateway =
          GatewayProcess.start(List.of(), "--config", config(folder, runner).toString())) {
        gateway.awaitReady();
        List<String> undisturbed = stream(gateway).rest();

        StreamClient stream = stream(gateway);
        stream.awaitEvents(5);
        runner.kill("w" + stream.replica().substring(1));

        assertEquals(StreamFacts.by(undisturbed), StreamFacts.by(stream.rest()));
        JsonNode timeline =
            gateway.admin("/admin/v1/requests/" + stream.id() + "/timeline?full=true");
        assertEquals(1, timeline.path("migrations").asInt(), timeline::toString);
        assertFalse(timeline.findValues("lanes").isEmpty(), timeline::toString);
        gateway.awaitState(stream.replica(), "EJECTED");
        JsonNode replica = gateway.admin("/admin/v1/replicas/" + stream.replica());
        assertEquals("worker", replica.path("kind").asText());
        assertFalse(replica.path("local").asBoolean(true));
        assertTrue(replica.path("pid").isNull());
      }
    }
  }

  /** Of a gateway that has nothing but the workers of the other one, slowed down. */
  private static Path config(Path folder, GatewayProcess runner) throws Exception {
    StringBuilder yaml = new StringBuilder("upstreams:\n");
    for (int i = 0; i < 2; i++) {
      runner.slow("w" + i, STEP_MS);
      String url = runner.admin("/admin/v1/replicas/w" + i).path("url").asText();
      yaml.append("  - {url: \"").append(url).append("\", worker: true, api-key-file: ");
      yaml.append(FleetSecret.file(folder)).append(", models: [");
      yaml.append(GatewayProcess.MODEL).append("]}\n");
    }
    return Files.writeString(folder.resolve("gateway.yaml"), yaml);
  }

  private static StreamClient stream(GatewayProcess gateway) throws Exception {
    return StreamClient.open(
        gateway,
        CHAT,
        "{\"model\":\""
            + GatewayProcess.MODEL
            + "\",\"stream\":true,\"seed\":1,\"temperature\":1,\"max_tokens\":80,"
            + "\"ignore_eos\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}");
  }
}

package dev.switchboard.gateway.boot;

import static dev.switchboard.gateway.bench.KubernetesObjects.SLICES;
import static dev.switchboard.gateway.bench.KubernetesObjects.endpoint;
import static dev.switchboard.gateway.bench.KubernetesObjects.slice;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.FakeKubernetes;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Engine workers that are found as pods. */
@Tag("untimed")
class DiscoveredWorkersIT {
  private static final int STEP_MS = 15;

  /** The worker runs on: what its stream is spared is the end of its pod. */
  @Test
  void streamsOfAPodThatEndsMoveBeforeItIsGone(@TempDir Path folder) throws Exception {
    try (FakeKubernetes kubernetes = new FakeKubernetes();
        GatewayProcess runner =
            GatewayProcess.start(List.of(), "--config", FleetSecret.runner(folder).toString())) {
      runner.awaitReady().awaitStates(2, 0);
      for (int i = 0; i < 2; i++) {
        runner.slow("w" + i, STEP_MS);
        put(kubernetes, runner, i, "ready");
      }
      try (GatewayProcess gateway =
          GatewayProcess.start(
              List.of(), "--config", config(folder, kubernetes.url()).toString())) {
        gateway.awaitReady().awaitStates(2, 0);
        List<String> undisturbed = stream(gateway).rest();

        StreamClient stream = stream(gateway);
        stream.awaitEvents(5);
        String uid =
            gateway.admin("/admin/v1/replicas/" + stream.replica()).at("/pod/name").asText();
        put(kubernetes, runner, Integer.parseInt(uid.substring(1)), "draining");

        assertEquals(StreamFacts.by(undisturbed), StreamFacts.by(stream.rest()));
        JsonNode timeline =
            gateway.admin("/admin/v1/requests/" + stream.id() + "/timeline?full=true");
        assertEquals(1, timeline.path("migrations").asInt(), timeline::toString);
      }
    }
  }

  private static void put(
      FakeKubernetes kubernetes, GatewayProcess runner, int worker, String state) throws Exception {
    URI url = URI.create(runner.admin("/admin/v1/replicas/w" + worker).path("url").asText());
    kubernetes.put(
        SLICES,
        endpoint(
            slice("slice-" + worker, "workers", url.getPort()), "p" + worker, "127.0.0.1", state));
  }

  private static Path config(Path folder, URI apiServer) throws Exception {
    return Files.writeString(
        folder.resolve("gateway.yaml"),
        """
        discovery:
          kubernetes:
            api-server: "%s"
            namespace: default
            drain-grace-ms: 0
            models:
              - {model: %s, service: workers, api-key-file: %s}
        """
            .formatted(apiServer, GatewayProcess.MODEL, FleetSecret.file(folder)));
  }

  private static StreamClient stream(GatewayProcess gateway) throws Exception {
    return StreamClient.open(
        gateway,
        InProcessGateway.CHAT,
        "{\"model\":\""
            + GatewayProcess.MODEL
            + "\",\"stream\":true,\"seed\":1,\"temperature\":1,\"max_tokens\":80,"
            + "\"ignore_eos\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}");
  }
}

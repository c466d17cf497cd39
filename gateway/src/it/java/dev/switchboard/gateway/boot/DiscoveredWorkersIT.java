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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Engine workers that are found as pods. */
class DiscoveredWorkersIT {
  /** So that the stream does not end before its pod does. */
  private static final int STEP_MS = 100;

  /** The worker runs on: what its stream is spared is the end of its pod. */
  @Test
  void streamsOfAPodThatEndsMoveBeforeItIsGone(@TempDir Path folder) throws Exception {
    try (FakeKubernetes kubernetes = new FakeKubernetes();
        GatewayProcess runner =
            GatewayProcess.start(List.of(), "--config", FleetSecret.runner(folder).toString())) {
      runner.awaitReady().awaitStates(2, 0);
      for (int i = 0; i < 2; i++) {
        put(kubernetes, runner, i, "ready");
      }
      try (GatewayProcess gateway =
          GatewayProcess.start(
              List.of(), "--config", config(folder, kubernetes.url()).toString())) {
        gateway.awaitReady().awaitStates(2, 0);
        List<String> undisturbed = stream(gateway).rest();

        runner.slow("w0", STEP_MS);
        runner.slow("w1", STEP_MS);
        StreamClient stream = stream(gateway);
        stream.awaitEvents(5);
        String pod =
            gateway.admin("/admin/v1/replicas/" + stream.replica()).at("/pod/name").asText();
        int worker = Integer.parseInt(pod.substring(1));
        put(kubernetes, runner, worker, "draining");
        runner.slow("w" + (1 - worker), 0);

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

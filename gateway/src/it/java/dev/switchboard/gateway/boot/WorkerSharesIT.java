package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two real workers of the demonstration model, and clients that want nothing in particular. */
class WorkerSharesIT {
  private static final int CLIENTS = 40;
  private static final int REQUESTS = 6;

  /** What is learned of each before anything is counted. */
  private static final int LESSONS = 2;

  @TempDir private @Nullable Path folder;

  @Test
  void twoWorkersShareRequestsWithoutTargets() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(
        config,
        """
        models: [{file: MODEL, workers: 2}]
        slo:
          default-class: plain
          classes: [{name: plain, ttft-ms: 0, tpot-ms: 0, deadline-ms: 0, priority: 0,
                     objective: 0.9, window-days: 30}]
        """
            .replace(
                "MODEL",
                GatewayProcess.home() + "/native-engine/demo-model/switchboard-demo.gguf"));
    try (GatewayProcess gateway =
            GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady();
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      gateway.awaitStates(2, 0);
      List<Future<List<String>>> answered = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        answered.add(clients.submit(() -> oneAfterAnother(gateway)));
      }

      Map<String, Integer> shares = new TreeMap<>();
      for (Future<List<String>> client : answered) {
        client.get().forEach(replica -> shares.merge(replica, 1, Integer::sum));
      }

      int all = CLIENTS * (REQUESTS - LESSONS);
      for (String worker : List.of("w0", "w1")) {
        assertEquals(0.5, shares.getOrDefault(worker, 0) / (double) all, 0.1, shares::toString);
      }
    }
  }

  /** Sends the next request when the last is answered, and tells who answered. */
  private static List<String> oneAfterAnother(GatewayProcess gateway) throws Exception {
    String body =
        "{\"model\":\""
            + GatewayProcess.MODEL
            + "\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":30,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    List<String> replicas = new ArrayList<>();
    for (int i = 0; i < REQUESTS; i++) {
      HttpResponse<String> answer =
          gateway.post(
              gateway.api("/v1/chat/completions"), body, "Content-Type", "application/json");
      assertEquals(200, answer.statusCode(), answer.body());
      assertTrue(answer.body().contains("[DONE]"), answer.body());
      replicas.add(answer.headers().firstValue("X-Switchboard-Replica").orElse(""));
    }
    return replicas.subList(LESSONS, REQUESTS);
  }
}

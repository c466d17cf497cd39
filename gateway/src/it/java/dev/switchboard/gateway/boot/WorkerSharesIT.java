package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two real workers of the demonstration model, and clients that want nothing in particular. */
@Tag("timing")
class WorkerSharesIT {
  private static final int CLIENTS = 40;
  private static final int REQUESTS = 4;

  /** The first is not counted: little is known of the workers then. */
  private static final int ROUNDS = 6;

  /**
   * A worker whose core others want for a second has less than its share for up to ten, which is
   * right. What a gateway does of itself it does in each of them.
   */
  private static final int GATEWAYS = 3;

  private static final double MOST_OFF = 0.1;

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

    List<List<Double>> seen = new ArrayList<>();
    do {
      seen.add(sharesOfFirst(config));
    } while (Math.abs(median(seen.getLast()) - 0.5) > MOST_OFF && seen.size() < GATEWAYS);

    assertEquals(0.5, median(seen.getLast()), MOST_OFF, () -> "shares of w0 by round: " + seen);
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  /** Round by round, of a gateway that has just begun. */
  private static List<Double> sharesOfFirst(Path config) throws Exception {
    try (GatewayProcess gateway =
            GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady();
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      gateway.awaitStates(2, 0);
      List<Future<List<String>>> answered = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        answered.add(clients.submit(() -> oneAfterAnother(gateway)));
      }
      List<List<String>> replicas = new ArrayList<>();
      for (Future<List<String>> client : answered) {
        replicas.add(client.get());
      }
      List<Double> shares = new ArrayList<>();
      for (int round = 1; round < ROUNDS; round++) {
        shares.add(shareOfFirst(replicas, round));
      }
      return shares;
    }
  }

  /** What w0 answered of the requests of a round; w1 answered the others. */
  private static double shareOfFirst(List<List<String>> replicas, int round) {
    Map<String, Integer> counts = new TreeMap<>();
    for (List<String> client : replicas) {
      client
          .subList(round * REQUESTS, (round + 1) * REQUESTS)
          .forEach(replica -> counts.merge(replica, 1, Integer::sum));
    }
    assertTrue(Set.of("w0", "w1").containsAll(counts.keySet()), counts::toString);
    return counts.getOrDefault("w0", 0) / (double) (CLIENTS * REQUESTS);
  }

  /** Sends the next request when the last is answered, and tells who answered. */
  private static List<String> oneAfterAnother(GatewayProcess gateway) throws Exception {
    String body =
        "{\"model\":\""
            + GatewayProcess.MODEL
            + "\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":30,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    List<String> replicas = new ArrayList<>();
    for (int i = 0; i < ROUNDS * REQUESTS; i++) {
      HttpResponse<String> answer =
          gateway.post(
              gateway.api("/v1/chat/completions"), body, "Content-Type", "application/json");
      assertEquals(200, answer.statusCode(), answer.body());
      assertTrue(answer.body().contains("[DONE]"), answer.body());
      replicas.add(answer.headers().firstValue("X-Switchboard-Replica").orElse(""));
    }
    return replicas;
  }
}

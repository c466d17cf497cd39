package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The receipt that a client may ask for, from a real worker of two stages of two ranks. */
class ReceiptIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int REQUESTS = 60;
  private static final int CLIENTS = 8;
  private static final int OF_EACH = 10;
  private static final double ROUNDING_MS = 0.02;
  private static final double UNEXPLAINED = 0.02;
  private static final Set<String> BEFORE = Set.of("socket", "tls");

  private static GatewayProcess gateway;

  @BeforeAll
  static void start() throws Exception {
    gateway =
        GatewayProcess.start(List.of(), "--workers", "1", "--stages", "2", "--ranks", "2")
            .awaitReady();
  }

  @AfterAll
  static void stop() {
    gateway.close();
  }

  @Test
  void itsPartsSumToTheWallTimeAndLeaveNextToNothingUnexplained() throws Exception {
    List<Double> unexplained = new ArrayList<>();
    for (int i = 0; i < REQUESTS; i++) {
      unexplained.add(unexplained(i));
    }
    assertLittle(unexplained);
  }

  @Test
  void soItIsWhereRequestsShareTheWorker() throws Exception {
    List<Double> unexplained = new ArrayList<>();
    try (ExecutorService clients = Executors.newFixedThreadPool(CLIENTS)) {
      List<Callable<List<Double>>> all =
          Collections.nCopies(
              CLIENTS,
              () -> {
                List<Double> own = new ArrayList<>();
                for (int i = 0; i < OF_EACH; i++) {
                  own.add(unexplained(i));
                }
                return own;
              });
      for (Future<List<Double>> own : clients.invokeAll(all)) {
        unexplained.addAll(own.get());
      }
    }
    assertLittle(unexplained);
  }

  private static void assertLittle(List<Double> unexplained) {
    Collections.sort(unexplained);
    double p95 = unexplained.get(unexplained.size() * 95 / 100);
    assertTrue(p95 <= UNEXPLAINED, () -> "unexplained shares: " + unexplained);
  }

  /** The share of one request's time; every third has a whole answer, some have two choices. */
  private static double unexplained(int number) throws Exception {
    JsonNode times = receipt(number % 3 != 0, number % 4 == 1 ? 2 : 1);
    double sum = 0;
    for (var phase : times.properties()) {
      // What was before the request's own time is no part of the total.
      sum += BEFORE.contains(phase.getKey()) ? 0 : phase.getValue().asDouble();
    }
    double total = times.path("total").asDouble();
    assertTrue(total > 0, times::toString);
    assertEquals(total, sum - total, ROUNDING_MS, times::toString);
    return times.path("unexplained").asDouble() / total;
  }

  private static JsonNode receipt(boolean stream, int choices) throws Exception {
    String answer =
        gateway
            .post(
                gateway.api("/v1/chat/completions"),
                "{\"model\":\""
                    + GatewayProcess.MODEL
                    + "\",\"max_tokens\":24,\"ignore_eos\":true,\"stream\":"
                    + stream
                    + ",\"n\":"
                    + choices
                    + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}",
                "X-Switchboard-Timeline",
                "summary")
            .body();
    String object = answer;
    if (stream) {
      int from = answer.lastIndexOf("data: {", answer.indexOf("\"time_ms\""));
      object = answer.substring(from + 6, answer.indexOf('\n', from));
    }
    JsonNode ours = JSON.readTree(object).path("switchboard");
    assertEquals(choices, ours.path("timelines").size(), answer);
    return ours.path("time_ms");
  }
}

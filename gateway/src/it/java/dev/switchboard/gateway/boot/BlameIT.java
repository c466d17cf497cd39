package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What receipts blame when real processes stand still, die, or do not read. */
class BlameIT {
  /** Of what was done, the least that its phase must have. */
  private static final long STOPPED_MS = 1500;

  private static final int STOPS = 15;
  private static final double SHARE = 0.9;

  @TempDir private static @Nullable Path folder;
  private static GatewayProcess gateway;

  @BeforeAll
  static void start() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    GatewayProcess.writeConfig(
        config,
        """
        workers: {local: 1, ranks: 2, threads: 1, state-poll-ms: 200}
        http: {event-loops: 1}
        drills: {enabled: true}
        """);
    gateway = GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady();
  }

  @AfterAll
  static void stop() {
    gateway.close();
  }

  @Test
  @Tag("timing")
  void aRequestThatLayInTheSocketOfAStoppedGatewayIsChargedToTheGateway() throws Exception {
    URI api = gateway.api("/v1/chat/completions");
    String id = "frozen-gateway";
    try (Socket client = new Socket(api.getHost(), api.getPort())) {
      GatewayProcess.signal("-STOP", gateway.process().pid());
      client.getOutputStream().write(request(id, 4, api).getBytes(StandardCharsets.UTF_8));
      client.getOutputStream().flush();
      pause(STOPPED_MS);
      GatewayProcess.signal("-CONT", gateway.process().pid());
      readAll(client);
    }

    charged(id, STOPPED_MS, "gateway_late");
  }

  /** Whatever its ranks are at: computing, sampling, waiting for each other, or waking up. */
  @Test
  @Tag("timing")
  void aWorkerStoppedAgainAndAgainIsChargedToItsMachine() throws Exception {
    HttpResponse<InputStream> answer = gateway.stream(3500);
    String id = answer.headers().firstValue("X-Request-Id").orElseThrow();
    long pid = gateway.pid("w0");
    try (InputStream body = answer.body()) {
      assertTrue(body.read(new byte[64]) > 0);
      for (int i = 0; i < STOPS; i++) {
        GatewayProcess.signal("-STOP", pid);
        pause(STOPPED_MS / STOPS);
        GatewayProcess.signal("-CONT", pid);
        assertTrue(body.read(new byte[64]) > 0);
      }
      body.readAllBytes();
    }

    charged(id, STOPPED_MS, "decode_off_cpu", "prefill_off_cpu");
  }

  @Test
  @Tag("timing")
  void aClientThatDoesNotReadIsCharged() throws Exception {
    URI api = gateway.api("/v1/chat/completions");
    String id = "slow-reader";
    long sleptMs;
    long before = generated();
    try (Socket client = new Socket()) {
      client.setReceiveBufferSize(4096);
      client.connect(new InetSocketAddress(api.getHost(), api.getPort()));
      client.getOutputStream().write(request(id, 1500, api).getBytes(StandardCharsets.UTF_8));
      client.getOutputStream().flush();
      Await.until("its tokens", BlameIT::generated, made -> made >= before + 1500);
      sleptMs = pause(STOPPED_MS);
      readAll(client);
    }

    // On a busy machine the event loop does not always run meanwhile, which comes first.
    charged(id, sleptMs, "client_stall", "client_flush", "gateway_late");
    JsonNode timeline = timeline(id);
    double client = phase(timeline, "client_stall") + phase(timeline, "client_flush");
    assertTrue(client >= sleptMs / 2.0, timeline::toPrettyString);
  }

  private static long generated() throws Exception {
    return gateway.workerState("w0").path("load").path("generated_tokens").asLong();
  }

  /** How long it was in fact. */
  private static long pause(long ms) {
    Stopwatch begun = Stopwatch.start();
    return Await.until("the end of a pause", begun::millis, passed -> passed >= ms);
  }

  @Test
  void theWaitForAWorkerThatDiedIsNoFlush() throws Exception {
    HttpResponse<InputStream> answer = gateway.stream(3000);
    String id = answer.headers().firstValue("X-Request-Id").orElseThrow();
    try (InputStream body = answer.body()) {
      assertTrue(body.read(new byte[64]) > 0);
      gateway.kill("w0");
      body.readAllBytes();
    }

    JsonNode timeline = timeline(id);
    double waited = phase(timeline, "replica_wait");
    assertTrue(waited > 100, timeline::toPrettyString);
    assertTrue(phase(timeline, "migration") > 0, timeline::toPrettyString);
    assertTrue(phase(timeline, "detokenize_flush") < waited, timeline::toPrettyString);
    gateway.awaitState("w0", "READY");
  }

  private static void charged(String id, long ms, String... phases) throws Exception {
    JsonNode timeline = timeline(id);
    double sum = 0;
    for (String phase : phases) {
      sum += phase(timeline, phase);
    }
    assertTrue(sum >= SHARE * ms, () -> ms + " ms were lost: " + timeline.path("phases"));
    double all = 0;
    for (JsonNode each : timeline.path("phases")) {
      all += each.path("ms").asDouble();
    }
    assertEquals(timeline.path("wall_ms").asDouble(), all, 0.01);
  }

  private static double phase(JsonNode timeline, String name) {
    for (JsonNode each : timeline.path("phases")) {
      if (each.path("phase").asText().equals(name)) {
        return each.path("ms").asDouble();
      }
    }
    return 0;
  }

  private static JsonNode timeline(String id) throws Exception {
    String path = "/admin/v1/requests/" + id + "/timeline";
    return Await.until(
        "the phases of " + id, () -> gateway.admin(path), told -> told.has("phases"));
  }

  private static String request(String id, int tokens, URI api) {
    String body =
        "{\"model\":\"switchboard-demo\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
            + tokens
            + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: "
        + api.getAuthority()
        + "\r\nX-Request-Id: "
        + id
        + "\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  private static void readAll(Socket client) throws Exception {
    String answer = new String(client.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(answer.contains("[DONE]"), answer);
  }
}

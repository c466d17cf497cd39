package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.testing.Await;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real workers and a gateway whose books of requests come to disagree, because what ended on one
 * side is never heard of on the other.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class InFlightDriftIT {
  private static final String CHAT = "/v1/chat/completions";

  /** So many steps of one take longer than anything is waited for. */
  private static final int STEP_MS = 100;

  private static final int TOKENS = 3000;
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static @Nullable Path folder;

  private GatewayProcess runner;
  private LossyProxy proxy;
  private InProcessGateway gateway;

  @BeforeAll
  void start() throws Exception {
    Path config = Path.of(String.valueOf(folder)).resolve("runner.yaml");
    Files.writeString(
        config, "workers: {local: 2, arguments: [--allow-fault-injection, --port, '0']}");
    runner = GatewayProcess.start(List.of(), "--config", config.toString());
    runner.awaitReady().awaitStates(2, 0);
    proxy = new LossyProxy(worker("w0"));
    gateway =
        InProcessGateway.of(
            """
            routing: {policy: round-robin}
            workers: {state-poll-ms: 50}
            upstreams:
              - {url: "PROXY", worker: true, models: [MODEL]}
              - {url: "OTHER", worker: true, models: [MODEL]}
            """
                .replace("PROXY", proxy.url().toString())
                .replace("OTHER", worker("w1").toString())
                .replace("MODEL", GatewayProcess.MODEL));
    Await.until(
        "both replicas",
        () ->
            gateway.fleet().views(GatewayProcess.MODEL, 0).stream()
                .allMatch(view -> view.routable()));
  }

  private URI worker(String id) throws Exception {
    return URI.create(runner.admin("/admin/v1/replicas/" + id).path("url").asText());
  }

  @AfterAll
  void stop() throws Exception {
    gateway.close();
    proxy.close();
    runner.close();
  }

  @Test
  void anAnswerThatNeverCameIsGotElsewhere() throws Exception {
    proxy.losesAnswers(true);
    double repairs = repairs("gateway");
    // In turns, so one of the two goes through the proxy.
    CompletableFuture<HttpResponse<String>> one = ask();
    CompletableFuture<HttpResponse<String>> other = ask();
    HttpResponse<String> first = one.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    HttpResponse<String> second = other.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    proxy.losesAnswers(false);

    assertEquals(200, first.statusCode(), first::body);
    assertEquals(200, second.statusCode(), second::body);
    assertEquals(text(first), text(second));
    assertEquals(1, repairs("gateway") - repairs);
    Await.until("agreement", () -> drift("gateway") == 0 && agree());
  }

  @Test
  void whatAWorkerGoesOnWithForNobodyIsCancelledThere() throws Exception {
    runner.slow("w0", STEP_MS);
    double repairs = repairs("worker");
    StreamClient stream = atTheProxy();
    stream.awaitEvents(3);

    proxy.holdCancels();
    proxy.cut();
    Await.until("the drift", () -> drift("worker"), drift -> drift == 1);
    int goesOn = running("w0");
    proxy.releaseCancels();
    Await.until("its end there", () -> running("w0"), running -> running == 0);
    stream.rest();

    assertEquals(1, goesOn);
    assertEquals(1, repairs("worker") - repairs);
    Await.until("agreement", () -> drift("worker") == 0 && agree());
  }

  /** Neither side has anything left. */
  private boolean agree() throws Exception {
    return gateway.fleet().replicas().stream().allMatch(replica -> replica.inFlight() == 0)
        && running("w0") == 0
        && running("w1") == 0;
  }

  private CompletableFuture<HttpResponse<String>> ask() {
    return gateway
        .client()
        .sendAsync(request(chat(4, false)), HttpResponse.BodyHandlers.ofString());
  }

  private StreamClient atTheProxy() throws Exception {
    for (; ; ) {
      StreamClient stream = StreamClient.open(gateway.client(), request(chat(TOKENS, true)));
      if (stream.replica().equals("u0")) {
        return stream;
      }
      stream.leave();
    }
  }

  private HttpRequest request(String body) {
    return HttpRequest.newBuilder(gateway.api(CHAT))
        .POST(HttpRequest.BodyPublishers.ofString(body))
        .build();
  }

  private static String chat(int tokens, boolean stream) {
    return "{\"model\":\""
        + GatewayProcess.MODEL
        + "\",\"seed\":1,\"temperature\":1,\"ignore_eos\":true,\"max_tokens\":"
        + tokens
        + ",\"stream\":"
        + stream
        + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
  }

  private static String text(HttpResponse<String> answer) throws Exception {
    return JSON.readTree(answer.body()).at("/choices/0/message/content").asText();
  }

  /** Requests that a worker has. */
  private int running(String worker) throws Exception {
    JsonNode load = runner.worker(worker, "/engine/v1/load");
    return load.path("requests").asInt(-1);
  }

  private double drift(String side) throws Exception {
    return metric("switchboard_in_flight_drift{replica=\"u0\",side=\"" + side + "\"}");
  }

  private double repairs(String side) throws Exception {
    return metric("switchboard_in_flight_repairs_total{replica=\"u0\",side=\"" + side + "\"}");
  }

  private double metric(String series) throws Exception {
    return gateway.metric(series);
  }
}

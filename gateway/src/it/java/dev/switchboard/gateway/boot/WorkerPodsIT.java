package dev.switchboard.gateway.boot;

import static dev.switchboard.gateway.bench.KubernetesObjects.SLICES;
import static dev.switchboard.gateway.bench.KubernetesObjects.endpoint;
import static dev.switchboard.gateway.bench.KubernetesObjects.slice;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.testing.Await;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Worker processes that are found as pods, of a Service whose pods serve and one whose pods stand
 * by.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WorkerPodsIT {
  private static final int STEP_MS = 15;

  private LoneWorker first;
  private LoneWorker second;
  private FakeKubernetes kubernetes;
  private InProcessGateway gateway;

  @BeforeAll
  void startWorkers() throws Exception {
    first = worker();
    second = worker();
  }

  private static LoneWorker worker() throws Exception {
    return new LoneWorker(
        GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf"),
        "--threads",
        "1");
  }

  @AfterAll
  void stopWorkers() {
    first.close();
    second.close();
  }

  @BeforeEach
  void start() throws Exception {
    kubernetes = new FakeKubernetes();
    gateway =
        InProcessGateway.started(
            """
            discovery:
              kubernetes:
                api-server: "%s"
                namespace: default
                drain-grace-ms: 60000
                models:
                  - {model: switchboard-demo, service: workers, port-name: http}
                  - {model: switchboard-demo, service: standbys, port-name: http, standby: true}
            """
                .formatted(kubernetes.url()));
    Await.until("watches", kubernetes::watches, count -> count >= 2);
  }

  @AfterEach
  void stop() throws Exception {
    gateway.close();
    kubernetes.close();
  }

  private void put(String service, String pod, LoneWorker at, String state) {
    int port = URI.create(at.url()).getPort();
    kubernetes.put(SLICES, endpoint(slice("slice-" + pod, service, port), pod, "127.0.0.1", state));
  }

  private @Nullable Replica replica(String pod) {
    return gateway.fleet().replicas().stream()
        .filter(
            each -> {
              DiscoveredServer.Pod known = each.pod();
              return known != null && known.name().equals(pod);
            })
        .findFirst()
        .orElse(null);
  }

  private Replica awaitState(String pod, ReplicaState state) {
    return Objects.requireNonNull(
        Await.until(
            pod + " is " + state,
            () -> replica(pod),
            found -> found != null && found.state() == state));
  }

  private static String body(boolean stream, int tokens) {
    return "{\"model\":\"switchboard-demo\",\"stream\":"
        + stream
        + ",\"seed\":1,\"temperature\":1,\"ignore_eos\":true,\"max_tokens\":"
        + tokens
        + ",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
  }

  private HttpResponse<String> ask() throws Exception {
    return gateway.post(InProcessGateway.CHAT, body(false, 4));
  }

  private StreamClient stream() throws Exception {
    return StreamClient.open(
        gateway.client(),
        HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
            .POST(HttpRequest.BodyPublishers.ofString(body(true, 120)))
            .build());
  }

  @Test
  void aPodServesOnceItIsReadyAndItsStreamEndsWholeWhenItTerminates() throws Exception {
    put("workers", "p1", first, "unready");
    assertEquals(503, ask().statusCode());

    put("workers", "p1", first, "ready");
    awaitState("p1", ReplicaState.READY);
    HttpResponse<String> chat = ask();
    List<String> undisturbed = stream().rest();
    first.slow(gateway.client(), STEP_MS);
    StreamClient stream = stream();
    stream.awaitEvents(5);
    put("workers", "p1", first, "draining");
    awaitState("p1", ReplicaState.DRAINING);
    HttpResponse<String> meanwhile = ask();
    int there = Objects.requireNonNull(replica("p1")).inFlight();
    List<String> lines = stream.rest();
    Await.until("p1 is gone", () -> replica("p1") == null);
    first.slow(gateway.client(), 0);

    assertEquals(200, chat.statusCode(), chat::body);
    assertEquals(
        4, InProcessGateway.JSON.readTree(chat.body()).at("/usage/completion_tokens").asInt());
    assertEquals(503, meanwhile.statusCode(), meanwhile::body);
    assertEquals(1, there, "it ends while its pod is still there");
    assertEquals(StreamFacts.by(undisturbed), StreamFacts.by(lines));
    assertTrue(lines.contains("data: [DONE]"), lines::toString);
    assertEquals(0, gateway.timeline(stream.id()).path("migrations").asInt());
  }

  @Test
  void onePodThatStandsByGoesOnWithTheStreamsOfOneThatIsKilled() throws Exception {
    put("workers", "p1", first, "ready");
    awaitState("p1", ReplicaState.READY);
    put("standbys", "p2", second, "ready");
    awaitState("p2", ReplicaState.STANDBY);
    List<String> undisturbed = stream().rest();
    first.slow(gateway.client(), STEP_MS);
    StreamClient stream = stream();
    stream.awaitEvents(5);
    double before = gateway.attempts(id("p2"), "ok");

    first.kill();
    awaitState("p2", ReplicaState.READY);
    HttpResponse<String> next = ask();
    List<String> lines = stream.rest();

    assertEquals(0, before);
    assertEquals(StreamFacts.by(undisturbed), StreamFacts.by(lines));
    assertEquals(200, next.statusCode(), next::body);
    assertEquals(id("p2"), next.headers().firstValue("X-Switchboard-Replica").orElse(""));
    JsonNode timeline = gateway.timeline(stream.id());
    assertEquals(1, timeline.path("migrations").asInt(), timeline::toString);
    first.startAgain();
    awaitState("p1", ReplicaState.READY);
  }

  @Test
  @Tag("timing")
  void aPodThatStandsByIsPromotedWithinASecond() throws Exception {
    put("workers", "p1", first, "ready");
    awaitState("p1", ReplicaState.READY);
    put("standbys", "p2", second, "ready");
    awaitState("p2", ReplicaState.STANDBY);
    first.slow(gateway.client(), STEP_MS);
    stream().awaitEvents(5);

    long killedMs = Instant.now().toEpochMilli();
    first.kill();
    long promotedMs = awaitState("p2", ReplicaState.READY).sinceMs() - killedMs;
    first.startAgain();
    awaitState("p1", ReplicaState.READY);

    assertTrue(promotedMs <= 1000, () -> "promoted after " + promotedMs + " ms");
  }

  private String id(String pod) {
    return Objects.requireNonNull(replica(pod)).id();
  }
}

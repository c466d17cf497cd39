package dev.switchboard.gateway.boot;

import static dev.switchboard.gateway.bench.KubernetesObjects.SLICES;
import static dev.switchboard.gateway.bench.KubernetesObjects.endpoint;
import static dev.switchboard.gateway.bench.KubernetesObjects.slice;
import static dev.switchboard.gateway.boot.InProcessGateway.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Worker processes that are found as pods, of a Service whose pods serve and one whose pods stand
 * by. Times are told; the machine may have much else to do.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WorkerPodsIT {
  private static final int STEP_MS = 15;

  /** Of a machine that is busy. */
  private static final int MOST_MS = 10_000;

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
    await(() -> kubernetes.watches() >= 2);
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

  private boolean is(String pod, ReplicaState state) {
    Replica found = replica(pod);
    return found != null && found.state() == state;
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

    long begun = System.nanoTime();
    put("workers", "p1", first, "ready");
    await(() -> is("p1", ReplicaState.READY));
    long routableMs = (System.nanoTime() - begun) / 1_000_000;
    HttpResponse<String> chat = ask();
    List<String> undisturbed = stream().rest();
    first.slow(gateway.client(), STEP_MS);
    StreamClient stream = stream();
    stream.awaitEvents(5);
    put("workers", "p1", first, "draining");
    await(() -> is("p1", ReplicaState.DRAINING));
    HttpResponse<String> meanwhile = ask();
    int there = Objects.requireNonNull(replica("p1")).inFlight();
    List<String> lines = stream.rest();
    await(() -> replica("p1") == null);
    first.slow(gateway.client(), 0);

    System.out.println("a pod was routable " + routableMs + " ms after it became ready");
    assertTrue(routableMs <= MOST_MS, () -> routableMs + " ms");
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
    await(() -> is("p1", ReplicaState.READY));
    put("standbys", "p2", second, "ready");
    await(() -> is("p2", ReplicaState.STANDBY));
    List<String> undisturbed = stream().rest();
    first.slow(gateway.client(), STEP_MS);
    StreamClient stream = stream();
    stream.awaitEvents(5);
    double before = gateway.attempts(id("p2"), "ok");

    long killedMs = System.currentTimeMillis();
    first.kill();
    await(() -> is("p2", ReplicaState.READY));
    long promotedMs = Objects.requireNonNull(replica("p2")).sinceMs() - killedMs;
    HttpResponse<String> next = ask();
    long servedMs = System.currentTimeMillis() - killedMs;
    List<String> lines = stream.rest();

    System.out.printf(
        "standby pod: promoted %d ms and an answer %d ms after kill -9, longest gap of the stream"
            + " %d ms%n",
        promotedMs, servedMs, stream.longestGapMs());
    assertEquals(0, before);
    assertEquals(StreamFacts.by(undisturbed), StreamFacts.by(lines));
    assertEquals(200, next.statusCode(), next::body);
    assertEquals(id("p2"), next.headers().firstValue("X-Switchboard-Replica").orElse(""));
    JsonNode timeline = gateway.timeline(stream.id());
    assertEquals(1, timeline.path("migrations").asInt(), timeline::toString);
    assertTrue(promotedMs <= 1000, () -> "promoted after " + promotedMs + " ms");
    first.startAgain();
    await(() -> is("p1", ReplicaState.READY));
  }

  private String id(String pod) {
    return Objects.requireNonNull(replica(pod)).id();
  }
}

package dev.switchboard.gateway.boot;

import static dev.switchboard.gateway.bench.KubernetesObjects.PODS;
import static dev.switchboard.gateway.bench.KubernetesObjects.POOLS;
import static dev.switchboard.gateway.bench.KubernetesObjects.SLICES;
import static dev.switchboard.gateway.bench.KubernetesObjects.annotated;
import static dev.switchboard.gateway.bench.KubernetesObjects.endpoint;
import static dev.switchboard.gateway.bench.KubernetesObjects.pod;
import static dev.switchboard.gateway.bench.KubernetesObjects.pool;
import static dev.switchboard.gateway.bench.KubernetesObjects.slice;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A gateway that finds scripted servers by asking a scripted API server. */
class DiscoveryIT {

  private FakeKubernetes kubernetes;
  private FakeUpstream one;
  private FakeUpstream two;
  private @Nullable InProcessGateway started;

  @BeforeEach
  void start() throws Exception {
    kubernetes = new FakeKubernetes();
    one = upstream("one");
    two = upstream("two");
  }

  private static FakeUpstream upstream(String name) throws Exception {
    FakeUpstream made = new FakeUpstream();
    made.script(
        (request, body) ->
            request
                .response()
                .putHeader("Content-Type", "application/json")
                .end("{\"choices\":[],\"by\":\"" + name + "\"}"));
    return made;
  }

  @AfterEach
  void stop() throws Exception {
    gateway().close();
    one.close();
    two.close();
    kubernetes.close();
  }

  private InProcessGateway gateway() {
    return Objects.requireNonNull(started);
  }

  private void gateway(String models) throws Exception {
    gateway(models, "");
  }

  private void gateway(String models, String more) throws Exception {
    started =
        InProcessGateway.started(
            more
                + """
            discovery:
              kubernetes:
                api-server: "%s"
                namespace: default
                unready-ms: 0
                drain-grace-ms: 0
                deletion-cost-seconds: 1
                models:
                  - %s
            """
                    .formatted(kubernetes.url(), models));
  }

  private static final String SERVICE =
      "{model: m, service: workers, port-name: http, engine: vllm}";

  /** A slice of its own for each: they differ in the port. */
  private void put(String pod, FakeUpstream at, String state) {
    put("workers", pod, at, state);
  }

  private void put(String service, String pod, FakeUpstream at, String state) {
    ObjectNode slice = slice("slice-" + pod, service, at.url().getPort());
    kubernetes.put(SLICES, endpoint(slice, pod, "127.0.0.1", state));
  }

  private @Nullable Replica replica(String pod) {
    return gateway().fleet().replicas().stream()
        .filter(
            each -> {
              DiscoveredServer.Pod known = each.pod();
              return known != null && known.name().equals(pod);
            })
        .findFirst()
        .orElse(null);
  }

  private void awaitState(String pod, ReplicaState state) {
    Await.until(
        pod + " " + state, () -> replica(pod), found -> found != null && found.state() == state);
  }

  private void awaitGone(String pod) {
    Await.until("the end of " + pod, () -> replica(pod) == null);
  }

  private int status() throws Exception {
    return gateway().post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode();
  }

  @Test
  void aPodThatBecomesReadyIsRoutable() throws Exception {
    becomesReady();

    assertEquals(200, status());
  }

  @Test
  @Tag("timing")
  void aPodThatBecomesReadyIsRoutableWithinASecond() throws Exception {
    long ms = becomesReady();

    assertTrue(ms <= 1000, () -> ms + " ms");
  }

  /** How long it took. */
  private long becomesReady() throws Exception {
    gateway(SERVICE);
    put("p1", one, "unready");
    Await.until("the watches", () -> kubernetes.watches() >= 2);
    HttpResponse<String> refused =
        gateway().post(InProcessGateway.CHAT, InProcessGateway.chat(false));
    assertEquals(503, refused.statusCode());
    assertEquals(
        refused.headers().firstValue("X-Switchboard-Reason").orElseThrow(),
        refused.headers().firstValue("x-llm-d-request-dropped-reason").orElseThrow());

    Stopwatch begun = Stopwatch.start();
    put("p1", one, "ready");
    awaitState("p1", ReplicaState.READY);
    return begun.millis();
  }

  @Test
  void readinessAnnotationsAndTheEndOfPodsAreFollowed() throws Exception {
    gateway(SERVICE);
    kubernetes.put(PODS, pod("p1", "127.0.0.1", Map.of()));
    put("p1", one, "ready");
    put("p2", two, "ready");
    awaitState("p1", ReplicaState.READY);
    awaitState("p2", ReplicaState.READY);

    put("p1", one, "unready");
    awaitState("p1", ReplicaState.CORDONED);
    put("p1", one, "ready");
    awaitState("p1", ReplicaState.READY);

    mark("switchboard.dev/cordon", "true");
    awaitState("p1", ReplicaState.CORDONED);
    mark("switchboard.dev/cordon", "false");
    awaitState("p1", ReplicaState.READY);

    mark("switchboard.dev/drain", "true");
    awaitState("p1", ReplicaState.DRAINED);
    mark("switchboard.dev/drain", "false");
    awaitState("p1", ReplicaState.READY);

    put("p1", one, "draining");
    awaitGone("p1");
    kubernetes.delete(SLICES, "slice-p2");
    awaitGone("p2");
    assertEquals(503, status());
  }

  @Test
  void anUpdateThatStartsAPodBeforeItEndsAnotherWakesNoneThatStandsBy() throws Exception {
    gateway(SERVICE + "\n      - " + SERVICE.replace("workers", "standbys, standby: true"));
    try (FakeUpstream spare = upstream("spare")) {
      put("p1", one, "ready");
      awaitState("p1", ReplicaState.READY);
      put("standbys", "s1", spare, "ready");
      awaitState("s1", ReplicaState.STANDBY);
      long sinceMs = Objects.requireNonNull(replica("s1")).sinceMs();
      // Until then those that were there before may still be found.
      Instant settled = Instant.ofEpochMilli(sinceMs + 3500);
      Await.until("that time", () -> Instant.now().isAfter(settled));

      put("p2", two, "ready");
      awaitState("p2", ReplicaState.READY);
      put("p1", one, "draining");
      awaitGone("p1");

      assertEquals(ReplicaState.STANDBY, Objects.requireNonNull(replica("s1")).state());
      assertEquals(sinceMs, Objects.requireNonNull(replica("s1")).sinceMs());

      put("p2", two, "ended");
      awaitState("s1", ReplicaState.READY);
      assertEquals(200, status());
    }
  }

  private void mark(String key, String value) {
    kubernetes.put(PODS, annotated(pod("p1", "127.0.0.1", Map.of()), key, value));
  }

  @Test
  void nobodyLeavesWhileTheApiServerIsAwayAndItsAgeIsTold() throws Exception {
    gateway(SERVICE);
    put("p1", one, "ready");
    awaitState("p1", ReplicaState.READY);

    kubernetes.away(true);
    kubernetes.delete(SLICES, "slice-p1");
    awaitUnreachable(2);

    assertEquals(200, status());
    JsonNode told = gateway().adminJson("/admin/v1/discovery");
    assertTrue(told.path("enabled").asBoolean(), told::toString);
    assertEquals(1, told.at("/models/0/ready").asInt(), told::toString);
    assertEquals("waiting", watch().path("state").asText());
    Await.until("its age", this::watch, watch -> watch.path("age_ms").asLong() > 0);
    assertTrue(
        gateway()
                .metric(
                    "switchboard_discovery_age_seconds{watch=\"endpointslices default/workers\"}")
            > 0);
    kubernetes.away(false);
    awaitGone("p1");
  }

  /** Whoever follows the number would take away what this gateway has not found yet. */
  @Test
  void howManyReplicasAreDesiredIsToldOnceTheyAreFound() throws Exception {
    kubernetes.away(true);
    put("p1", one, "ready");
    put("p2", two, "ready");
    gateway(SERVICE, "autoscaling: {models: [{model: m, max: 9}]}\n");
    awaitUnreachable(1);
    HttpResponse<String> before = scaling();

    kubernetes.away(false);
    awaitScaling();

    assertEquals(503, before.statusCode(), before::body);
    assertTrue(before.body().contains("no_replica_ready"), before::body);
    assertEquals(2, InProcessGateway.JSON.readTree(scaling().body()).path("desired").asInt());
    assertEquals(404, gateway().get(gateway().admin("/admin/v1/autoscaling/x")).statusCode());
  }

  /**
   * From nothing: the request is held, a pod is desired for it, and the pod that comes serves it.
   */
  @Test
  void theFirstPodOfAModelServesTheRequestThatWaitedForIt() throws Exception {
    gateway(SERVICE, "autoscaling: {models: [{model: m, min: 0, max: 3}], hold-ms: 600000}\n");
    awaitScaling();
    int before = desired();
    FutureTask<Integer> waits = new FutureTask<>(this::status);
    Thread.ofVirtual().start(waits);
    Await.until("what is desired", this::desired, desired -> desired == 1);
    double held = gateway().metric("switchboard_held_requests{model=\"m\"}");

    put("p1", one, "ready");
    int answered = waits.get();

    assertEquals(0, before);
    assertEquals(1, held);
    assertEquals(200, answered);
    assertEquals(ReplicaState.READY, Objects.requireNonNull(replica("p1")).state());
  }

  private void awaitUnreachable(int times) {
    Await.until(
        "failures",
        this::watch,
        watch -> watch.path("failures").path("unreachable").asInt() >= times);
  }

  private void awaitScaling() {
    Await.until("how many are desired", this::scaling, answer -> answer.statusCode() == 200);
  }

  private int desired() throws Exception {
    return InProcessGateway.JSON.readTree(scaling().body()).path("desired").asInt(-1);
  }

  private HttpResponse<String> scaling() throws Exception {
    return gateway().get(gateway().admin("/admin/v1/autoscaling/m"));
  }

  private JsonNode watch() throws Exception {
    for (JsonNode watch : gateway().adminJson("/admin/v1/discovery").path("watches")) {
      if (watch.path("name").asText().equals("endpointslices default/workers")) {
        return watch;
      }
    }
    throw new AssertionError("no such watch");
  }

  @Test
  void theDeletionCostOfAnIdlePodIsSet() throws Exception {
    gateway(SERVICE);
    kubernetes.put(PODS, pod("p1", "127.0.0.1", Map.of()));
    put("p1", one, "ready");

    Await.until(
        "its deletion cost",
        () -> kubernetes.get(PODS, "p1"),
        pod ->
            pod != null
                && pod.at("/metadata/annotations/controller.kubernetes.io~1pod-deletion-cost")
                    .asText()
                    .equals("0"));
  }

  @Test
  void anInferencePoolNamesPodsByItsSelectorAndPorts() throws Exception {
    gateway("{model: m, inference-pool: big, engine: sglang}");
    kubernetes.put(PODS, pod("p1", "127.0.0.1", Map.of("app", "a")));
    kubernetes.put(PODS, pod("p2", "127.0.0.1", Map.of("app", "other")));
    kubernetes.put(POOLS, pool("big", Map.of("app", "a"), one.url().getPort()));
    awaitState("p1", ReplicaState.READY);
    assertEquals(1, gateway().fleet().replicas().size());

    kubernetes.put(POOLS, pool("big", Map.of("app", "other"), two.url().getPort()));
    awaitState("p2", ReplicaState.READY);

    awaitGone("p1");
    assertEquals(200, status());
  }

  @Test
  void aReloadChangesWhatIsLookedFor() throws Exception {
    gateway(SERVICE);
    put("p1", one, "ready");
    awaitState("p1", ReplicaState.READY);
    ObjectNode other = slice("other", "others", two.url().getPort());
    kubernetes.put(SLICES, endpoint(other, "p2", "127.0.0.1", "ready"));

    gateway()
        .rewrite(
            "discovery: {kubernetes: {models: [{model: n, service: others, engine: openai}]}}");
    assertEquals(200, gateway().admin("POST", "/admin/v1/config/reload", "{}").statusCode());

    awaitState("p2", ReplicaState.READY);
    awaitGone("p1");
    assertEquals(404, status());
  }

  @Test
  void anOperatorDoesNotUncordonWhatKubernetesKeeps() throws Exception {
    gateway(SERVICE);
    put("p1", one, "ready");
    awaitState("p1", ReplicaState.READY);
    put("p1", one, "unready");
    awaitState("p1", ReplicaState.CORDONED);
    Replica found = Objects.requireNonNull(replica("p1"));

    int refused =
        gateway().adminStatus("POST", "/admin/v1/replicas/" + found.id() + "/uncordon", "{}");

    assertEquals(409, refused);
    assertEquals(ReplicaState.CORDONED, found.state());
  }
}

package dev.switchboard.gateway.boot;

import static dev.switchboard.gateway.bench.KubernetesObjects.SLICES;
import static dev.switchboard.gateway.bench.KubernetesObjects.endpoint;
import static dev.switchboard.gateway.bench.KubernetesObjects.slice;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * From "ready" in an EndpointSlice to the first request that the pod serves, over real sockets: the
 * watch, what changes are gathered for, the canary, and the request. Each time another endpoint
 * changed just before, so that this change waits for all of the time between two.
 */
@Tag("timing")
class ReadyToServedIT {
  private static final int ROUNDS = 6;
  private static final int SLICE = 100;

  /** What is promised. A machine that does other work may be late for some, but not for each. */
  private static final long MOST_NANOS = 1_000_000_000L;

  private FakeKubernetes kubernetes;
  private FakeUpstream pod;

  @BeforeEach
  void start() throws Exception {
    kubernetes = new FakeKubernetes();
    pod = new FakeUpstream();
    pod.script((request, body) -> request.response().end("{\"choices\":[]}"));
  }

  @AfterEach
  void stop() {
    pod.close();
    kubernetes.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {10, 1000})
  void aPodServesWithinASecondOfBeingReady(int endpoints) throws Exception {
    for (int at = 0; at < endpoints; at += SLICE) {
      others("others-" + at, Math.min(SLICE, endpoints - at));
    }
    try (InProcessGateway gateway = gateway()) {
      awaitUnready(gateway, endpoints);
      List<Long> tookNanos = new ArrayList<>();
      for (int round = 0; round < ROUNDS; round++) {
        others("another", round + 1);
        awaitUnready(gateway, endpoints + round + 1);

        tookNanos.add(served(gateway, "pod-" + round));

        kubernetes.delete(SLICES, "live");
        Await.until("no replica", () -> gateway.fleet().replicas(), List::isEmpty);
      }

      List<Long> tookMs = tookNanos.stream().map(nanos -> nanos / 1_000_000).toList();
      System.out.println("ready to served, of " + endpoints + " endpoints: " + tookMs + " ms");
      assertTrue(Collections.min(tookNanos) <= MOST_NANOS, () -> tookMs + " ms");
    }
  }

  private InProcessGateway gateway() throws Exception {
    return InProcessGateway.started(
        """
        discovery:
          kubernetes:
            api-server: "%s"
            namespace: default
            drain-grace-ms: 0
            models: [{model: m, service: workers, port-name: http, engine: vllm}]
        """
            .formatted(kubernetes.url()));
  }

  /** Endpoints of the same Service that are not ready. */
  private void others(String slice, int count) {
    ObjectNode made = slice(slice, "workers", 1);
    for (int i = 0; i < count; i++) {
      endpoint(made, slice + "-" + i, "127.1." + i / 250 + "." + (1 + i % 250), "unready");
    }
    kubernetes.put(SLICES, made);
  }

  /** They are in force: the next change waits until it is its time. */
  private static void awaitUnready(InProcessGateway gateway, int count) {
    Await.until(
        "endpoints that are unready",
        () -> gateway.adminJson("/admin/v1/discovery").at("/models/0/unready").asInt(),
        unready -> unready == count);
  }

  private long served(InProcessGateway gateway, String name) throws Exception {
    assertEquals(503, status(gateway));
    Stopwatch ready = Stopwatch.start();
    kubernetes.put(
        SLICES,
        endpoint(slice("live", "workers", pod.url().getPort()), name, "127.0.0.1", "ready"));
    Await.until("an answer", () -> status(gateway), status -> status == 200);
    return ready.nanos();
  }

  private static int status(InProcessGateway gateway) throws Exception {
    return gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode();
  }
}

package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * Pods and what others are told of them: the API server's EndpointSlices, from which gateways find
 * workers, and the way that a node takes for new connections to the gateways' Service, which knows
 * what changed a second late.
 */
final class RolloutCluster implements AutoCloseable {
  private static final int PROXY_LATE_MS = 1000;

  private final FakeKubernetes api;
  private final RolloutNode node;
  private final String namespace;
  private final JsonNode workerService;
  private final RolloutTemplate gateway;
  private final List<RolloutPod> pods = new CopyOnWriteArrayList<>();
  private final ScheduledExecutorService proxy = Executors.newSingleThreadScheduledExecutor();
  private volatile List<InetSocketAddress> routed = List.of();
  private int made;

  RolloutCluster(
      FakeKubernetes api,
      RolloutNode node,
      String namespace,
      JsonNode workerService,
      RolloutTemplate gateway) {
    this.api = api;
    this.node = node;
    this.namespace = namespace;
    this.workerService = workerService;
    this.gateway = gateway;
  }

  /** Makes a pod and starts it. */
  RolloutPod create(RolloutTemplate template) throws IOException {
    RolloutPod pod =
        new RolloutPod(
            template.name().replace("switchboard-", "") + "-" + made++,
            template,
            node,
            this::changed);
    ObjectNode object = KubernetesObjects.pod(pod.name(), pod.address(), template.labels());
    object.withObject("/metadata").put("namespace", namespace);
    api.put("/api/v1/namespaces/" + namespace + "/pods", object);
    pods.add(pod);
    pod.start();
    changed();
    return pod;
  }

  /** Tells what endpoints there are. */
  private synchronized void changed() {
    List<RolloutPod> workers = pods.stream().filter(this::isWorker).toList();
    if (!workers.isEmpty()) {
      api.put(
          "/apis/discovery.k8s.io/v1/namespaces/" + namespace + "/endpointslices", slice(workers));
    }
    pods.stream()
        .filter(RolloutPod::gone)
        .forEach(pod -> api.delete("/api/v1/namespaces/" + namespace + "/pods", pod.name()));
    List<InetSocketAddress> open =
        pods.stream()
            .filter(pod -> pod.available() && pod.template().name().equals(gateway.name()))
            .map(pod -> new InetSocketAddress(pod.address(), gateway.port("http")))
            .toList();
    ScheduledFuture<?> _ =
        proxy.schedule(() -> routed = open, PROXY_LATE_MS, TimeUnit.MILLISECONDS);
  }

  private boolean isWorker(RolloutPod pod) {
    return workerService.at("/spec/selector").properties().stream()
        .allMatch(
            each -> each.getValue().asText().equals(pod.template().labels().get(each.getKey())));
  }

  private ObjectNode slice(List<RolloutPod> workers) {
    String service = workerService.at("/metadata/name").asText();
    String port = workerService.at("/spec/ports/0/targetPort").asText();
    ObjectNode slice =
        KubernetesObjects.slice(service + "-1", service, workers.getFirst().template().port(port));
    slice.withObject("/metadata").put("namespace", namespace);
    for (RolloutPod pod : workers) {
      if (!pod.gone()) {
        KubernetesObjects.endpoint(slice, pod.name(), pod.address(), pod.state());
      }
    }
    slice
        .path("endpoints")
        .forEach(each -> ((ObjectNode) each.path("targetRef")).put("namespace", namespace));
    return slice;
  }

  /**
   * Where a new connection to the gateways goes.
   *
   * @throws ConnectException when no gateway is ready, as nodes refuse it then
   */
  InetSocketAddress route() throws ConnectException {
    List<InetSocketAddress> now = routed;
    if (now.isEmpty()) {
      throw new ConnectException("the Service has no endpoint");
    }
    return now.get(ThreadLocalRandom.current().nextInt(now.size()));
  }

  /** Waits until connections go to so many gateways. */
  void awaitRoutes(int count) {
    while (routed.size() < count) {
      Target.pause(PROXY_LATE_MS / 10);
    }
  }

  /** All that ever were. */
  List<RolloutPod> pods() {
    return List.copyOf(pods);
  }

  @Override
  public void close() {
    proxy.shutdownNow();
    pods.forEach(pod -> node.keepLog(pod.name()));
  }
}

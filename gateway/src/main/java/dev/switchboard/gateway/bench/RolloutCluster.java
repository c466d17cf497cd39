package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What controllers of Kubernetes do with two Deployments: pods as many as there should be, a
 * rolling update that is never short of one, slices of the workers' Service, and which gateways
 * theirs names. Safe on any thread.
 */
final class RolloutCluster implements AutoCloseable {
  static final String GATEWAY = "switchboard-gateway";
  static final String WORKER = "switchboard-demo-worker";
  private static final int WORKER_PORT = 8000;
  private static final int GATEWAY_PORT = 8080;
  private static final int READY_SECONDS = 120;

  /** From the loss of a machine until its pods are no endpoints any more. */
  private static final int HEARD_AFTER_MS = 5000;

  private final Podman podman;
  private final FakeKubernetes api;
  private final HttpClient client = HttpClient.newHttpClient();
  private final Map<String, PodManifest> manifests = new HashMap<>();
  private final Map<String, List<PodRun>> pods = new HashMap<>();
  private final List<PodRun> ended = new ArrayList<>();
  private final AtomicInteger number = new AtomicInteger();
  private final List<Thread> leaving = new ArrayList<>();
  private final List<String> troubles = new ArrayList<>();
  private volatile List<JsonNode> gatewayConfig = List.of();

  RolloutCluster(Podman podman, FakeKubernetes api, List<JsonNode> deployments) {
    this.podman = podman;
    this.api = api;
    for (JsonNode each : deployments) {
      PodManifest manifest = PodManifest.of(each);
      manifests.put(manifest.deployment(), manifest);
      pods.put(manifest.deployment(), new ArrayList<>());
    }
    publish();
  }

  /** The ConfigMap of gateways that begin from now on. */
  void configure(JsonNode config) {
    gatewayConfig = List.of(config);
  }

  /** What the gateways' Service names. */
  synchronized List<InetSocketAddress> gateways() {
    return running(GATEWAY).stream()
        .filter(pod -> pod.state() == PodRun.State.READY)
        .map(pod -> new InetSocketAddress(pod.address(), GATEWAY_PORT))
        .toList();
  }

  /** Makes them so many; what is too much goes in the background, newest first. */
  void scale(String deployment, int count) throws IOException {
    List<PodRun> now = running(deployment);
    for (int i = now.size(); i > count; i--) {
      dismiss(now.get(i - 1));
    }
    List<PodRun> added = new ArrayList<>();
    for (int i = now.size(); i < count; i++) {
      added.add(begin(deployment));
    }
    for (PodRun pod : added) {
      awaitReady(pod);
    }
  }

  /** Replaces each pod by a new one: one more than there should be, never one less. */
  void roll(String deployment) throws IOException {
    for (PodRun old : running(deployment)) {
      awaitReady(begin(deployment));
      dismiss(old);
    }
  }

  /** Loses a machine with so many pods on it, and makes as many anew. */
  void lose(String deployment, int count) throws IOException {
    List<PodRun> lost = running(deployment).subList(0, count);
    for (PodRun pod : lost) {
      inBackground("lose " + pod.name(), () -> lose(deployment, pod));
    }
    for (int i = 0; i < count; i++) {
      awaitReady(begin(deployment));
    }
  }

  private void lose(String deployment, PodRun pod) throws IOException {
    pod.lose(HEARD_AFTER_MS);
    forget(deployment, pod);
  }

  private PodRun begin(String deployment) throws IOException {
    PodManifest manifest = manifests.get(deployment);
    if (manifest == null) {
      throw new IOException("no Deployment " + deployment);
    }
    String name = deployment + "-" + number.getAndIncrement();
    PodRun pod = new PodRun(name, manifest, podman, client, this::publish);
    boolean gateway = deployment.equals(GATEWAY);
    pod.start(gateway ? gatewayConfig : List.of(), gateway);
    synchronized (this) {
      pods.getOrDefault(deployment, new ArrayList<>()).add(pod);
    }
    publish();
    return pod;
  }

  private static void awaitReady(PodRun pod) throws IOException {
    if (ChaosGateway.await(() -> pod.state() == PodRun.State.READY, READY_SECONDS) < 0) {
      throw new IOException(pod.name() + " is not ready: " + pod.logSoFar());
    }
  }

  private void dismiss(PodRun pod) {
    String deployment = pod.manifest().deployment();
    inBackground(
        "delete " + pod.name(),
        () -> {
          pod.delete();
          forget(deployment, pod);
        });
  }

  /** What may fail. */
  private interface Work {
    void run() throws IOException;
  }

  private synchronized void inBackground(String what, Work work) {
    leaving.add(
        Thread.ofVirtual()
            .name(what)
            .start(
                () -> {
                  try {
                    work.run();
                  } catch (IOException e) {
                    trouble(what + ": " + e.getMessage());
                  }
                }));
  }

  private synchronized void trouble(String what) {
    troubles.add(what);
  }

  /** Waits until all that was to go is gone. */
  void settle() throws InterruptedException {
    List<Thread> threads;
    synchronized (this) {
      threads = List.copyOf(leaving);
      leaving.clear();
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }

  /** What the machine did not do, and pods that became unready by themselves. */
  synchronized List<String> troubles() {
    List<String> found = new ArrayList<>(troubles);
    pods.values()
        .forEach(
            each ->
                each.stream()
                    .filter(pod -> pod.unreadyAgain() > 0)
                    .forEach(pod -> found.add(pod.name() + " became unready")));
    return found;
  }

  private synchronized void forget(String deployment, PodRun pod) {
    running(deployment);
    pods.getOrDefault(deployment, new ArrayList<>()).remove(pod);
    ended.add(pod);
    publish();
  }

  private synchronized List<PodRun> running(String deployment) {
    return pods.getOrDefault(deployment, List.of()).stream()
        .filter(pod -> pod.state() == PodRun.State.READY || pod.state() == PodRun.State.UNREADY)
        .toList();
  }

  /** Tells the API server of every worker as it is now. */
  private synchronized void publish() {
    ObjectNode slice = KubernetesObjects.slice(WORKER + "-1", WORKER, WORKER_PORT);
    for (PodRun pod : pods.getOrDefault(WORKER, List.of())) {
      if (!pod.address().isEmpty() && pod.state() != PodRun.State.GONE) {
        KubernetesObjects.endpoint(slice, pod.name(), pod.address(), pod.state().word());
        if (api.get(KubernetesObjects.PODS, pod.name()) == null) {
          api.put(
              KubernetesObjects.PODS,
              KubernetesObjects.pod(pod.name(), pod.address(), pod.manifest().labels()));
        }
      }
    }
    ended.forEach(pod -> api.delete(KubernetesObjects.PODS, pod.name()));
    api.put(KubernetesObjects.SLICES, slice);
  }

  /** The end of every request that gateways wrote, those that are gone and those that run. */
  List<RequestEnd> records() throws IOException {
    List<String> logs = new ArrayList<>();
    List<PodRun> live;
    synchronized (this) {
      ended.stream()
          .filter(pod -> pod.manifest().deployment().equals(GATEWAY))
          .forEach(pod -> logs.add(pod.log()));
      live = List.copyOf(pods.getOrDefault(GATEWAY, List.of()));
    }
    for (PodRun pod : live) {
      logs.add(pod.logSoFar());
    }
    List<RequestEnd> records = new ArrayList<>();
    for (String log : logs) {
      for (String line : log.lines().toList()) {
        RequestEnd end = RequestEnd.of(line);
        if (end != null) {
          records.add(end);
        }
      }
    }
    return records;
  }

  @Override
  public void close() {
    List<PodRun> all;
    synchronized (this) {
      all = pods.values().stream().flatMap(List::stream).toList();
    }
    for (PodRun pod : all) {
      try {
        podman.remove(pod.name());
      } catch (IOException e) {
        System.err.println(pod.name() + " is left: " + e.getMessage());
      }
    }
    client.close();
  }
}

package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;

/**
 * One pod, with what a kubelet does for it: it plays it, asks its probes as the manifest says,
 * tells whenever its state changes, and takes it down with its hook and its grace. Each has a
 * thread of its own that probes; the others are its callers'.
 */
final class PodRun {
  /** In the words of an EndpointSlice. */
  enum State {
    UNREADY("unready"),
    READY("ready"),
    DRAINING("draining"),
    GONE("ended");

    private final String word;

    State(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }
  }

  private final String name;
  private final PodManifest manifest;
  private final Podman podman;
  private final HttpClient client;
  private final Runnable changed;
  private volatile State state = State.UNREADY;
  private volatile String address = "";
  private volatile String log = "";
  private volatile int unreadyAgain;

  PodRun(String name, PodManifest manifest, Podman podman, HttpClient client, Runnable changed) {
    this.name = name;
    this.manifest = manifest;
    this.podman = podman;
    this.client = client;
    this.changed = changed;
  }

  String name() {
    return name;
  }

  String address() {
    return address;
  }

  State state() {
    return state;
  }

  PodManifest manifest() {
    return manifest;
  }

  /** What it wrote, once it has ended. */
  String log() {
    return log;
  }

  /** How often it was ready and then was not, while nobody wanted it to go. */
  int unreadyAgain() {
    return unreadyAgain;
  }

  void start(List<JsonNode> with, boolean account) throws IOException {
    List<JsonNode> documents = new java.util.ArrayList<>(with);
    documents.add(manifest.pod(name, account));
    podman.play(name, documents);
    address = podman.address(name);
    Thread.ofVirtual().name("probe " + name).start(this::probe);
  }

  private void probe() {
    await("startupProbe");
    become(State.UNREADY, State.READY);
    int failures = 0;
    JsonNode probe = manifest.container().path("readinessProbe");
    while (state == State.READY || state == State.UNREADY) {
      Target.pause(probe.path("periodSeconds").asInt(10) * 1000);
      failures = succeeds("readinessProbe") ? 0 : failures + 1;
      if (failures == 0) {
        become(State.UNREADY, State.READY);
      } else if (failures >= probe.path("failureThreshold").asInt(3)) {
        become(State.READY, State.UNREADY);
      }
    }
  }

  /** Kubernetes asks for readiness as soon as the pod has started, then at each period. */
  private void await(String startup) {
    int period = manifest.container().path(startup).path("periodSeconds").asInt(10) * 1000;
    while (state == State.UNREADY && !(succeeds(startup) && succeeds("readinessProbe"))) {
      Target.pause(period);
    }
  }

  private boolean succeeds(String probe) {
    JsonNode get = manifest.container().path(probe).path("httpGet");
    int seconds = manifest.container().path(probe).path("timeoutSeconds").asInt(1);
    String url =
        "http://" + address + ":" + manifest.port(get.path("port")) + get.path("path").asText();
    try {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(seconds)).build();
      int status = client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
      return status >= 200 && status < 400;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void become(State from, State to) {
    synchronized (this) {
      if (state != from) {
        return;
      }
      unreadyAgain += to == State.UNREADY ? 1 : 0;
      state = to;
    }
    changed.run();
  }

  private void leave(State to) {
    synchronized (this) {
      state = to;
    }
    changed.run();
  }

  /**
   * As a deletion does: no new connections at once, the hook, SIGTERM, and the end of the grace.
   */
  void delete() throws IOException {
    leave(State.DRAINING);
    Target.pause(manifest.preStopSeconds() * 1000);
    podman.stop(name, manifest.graceSeconds() - manifest.preStopSeconds());
    end();
  }

  /** As a machine that is lost: only later does anybody hear of it. */
  void lose(int heardAfterMs) throws IOException {
    podman.kill(name);
    Target.pause(heardAfterMs);
    end();
  }

  private void end() throws IOException {
    log = podman.log(name, manifest.containerName());
    leave(State.GONE);
    podman.remove(name);
  }

  /** What it wrote so far. */
  String logSoFar() throws IOException {
    return podman.log(name, manifest.containerName());
  }
}

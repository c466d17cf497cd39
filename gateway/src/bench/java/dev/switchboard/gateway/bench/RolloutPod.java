package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One pod with what its kubelet does: it starts the container, probes it as its template says,
 * starts it anew when it ends or is not alive, and ends it with preStop, SIGTERM and, when the
 * grace is over, SIGKILL. Probes of readiness go on while it ends, so that others see whether it
 * still serves. A thread of its own does it; what it knows is read by any.
 */
final class RolloutPod {
  private static final int LOOK_MS = 100;
  private static final int LEAST_GOOD_STATUS = 200;
  private static final int FIRST_BAD_STATUS = 400;

  private final String name;
  private final RolloutTemplate template;
  private final RolloutNode node;
  private final Runnable changed;
  private final String address;
  private final List<String> complaints = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private volatile ProcessHandle process = ProcessHandle.current();
  private volatile boolean ready;
  private volatile boolean terminating;
  private volatile boolean expectedDeath;
  private volatile int killed;
  private volatile boolean silent;
  private volatile boolean gone;
  private final AtomicInteger starts = new AtomicInteger();
  private volatile double endedSeconds;

  /**
   * @param changed is told when something changed that an endpoint shows
   */
  RolloutPod(String name, RolloutTemplate template, RolloutNode node, Runnable changed)
      throws IOException {
    this.name = name;
    this.template = template;
    this.node = node;
    this.changed = changed;
    this.address = node.network(name);
  }

  /** Begins its life. */
  void start() {
    Thread.ofVirtual().name(name).start(this::live);
  }

  private void live() {
    try {
      node.start(name, template);
      begun();
      while (!terminating) {
        up();
        if (!terminating) {
          ended();
        }
      }
    } catch (IOException e) {
      complain(name + ": " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void begun() throws IOException {
    process = RolloutNode.process(name);
    RolloutNode.rights(name, process).forEach(this::complain);
    int _ = starts.incrementAndGet();
  }

  /** From its start until it has ended. */
  private void up() throws InterruptedException {
    RolloutProbe startup = new RolloutProbe(template.startup());
    while (process.isAlive() && !startup.passed()) {
      startup.look(this::answers);
      if (startup.failed()) {
        note(name + " was started anew: its startup probe gave up");
        return;
      }
      Thread.sleep(LOOK_MS);
    }
    RolloutProbe readiness = new RolloutProbe(template.readiness());
    RolloutProbe liveness = new RolloutProbe(template.liveness());
    while (process.isAlive()) {
      if (silent) {
        Thread.sleep(LOOK_MS);
        continue;
      }
      readiness.look(this::answers);
      ready(readiness.passed());
      if (!terminating) {
        liveness.look(this::answers);
        if (liveness.failed()) {
          complain(name + ": the liveness probe failed");
          return;
        }
      }
      Thread.sleep(LOOK_MS);
    }
    ready(false);
  }

  private void ended() throws IOException {
    if (process.isAlive()) {
      RolloutNode.signal(name, "KILL");
    } else if (!expectedDeath) {
      complain(name + " ended by itself");
    }
    expectedDeath = false;
    int _ = RolloutNode.status(name);
    RolloutNode.again(name);
    begun();
  }

  private void ready(boolean value) {
    if (ready != value) {
      ready = value;
      if (!value && !terminating && process.isAlive()) {
        note(name + " was not ready for a while");
      }
      changed.run();
    }
  }

  /** On a connection of its own, as kubelets ask. */
  private boolean answers(RolloutTemplate.Probe probe) {
    URI url = URI.create("http://" + address + ":" + template.port(probe.port()) + probe.path());
    try {
      HttpURLConnection connection = (HttpURLConnection) url.toURL().openConnection();
      connection.setConnectTimeout((int) probe.timeout().toMillis());
      connection.setReadTimeout((int) probe.timeout().toMillis());
      connection.setInstanceFollowRedirects(false);
      connection.setRequestProperty("Connection", "close");
      probe.headers().forEach(connection::setRequestProperty);
      int status = connection.getResponseCode();
      connection.disconnect();
      return status >= LEAST_GOOD_STATUS && status < FIRST_BAD_STATUS;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Kills its container as a machine does that runs out of memory. Podman takes up to a second for
   * each, in which what one of a zone had moves to the next one that is killed.
   */
  void kill() {
    expectedDeath = true;
    killed = starts.get();
    boolean _ = process.destroyForcibly();
  }

  /**
   * Its node is cut off: nothing comes from it, and for a while the cluster says of it what it said
   * last.
   */
  void silence() throws IOException {
    silent = true;
    node.unplug(name);
  }

  /** Its node is reached again. */
  void reach() throws IOException {
    node.plugIn(name);
    silent = false;
  }

  /** Ends it, and returns when it is gone. */
  void delete() {
    long begun = System.nanoTime();
    terminating = true;
    changed.run();
    try {
      Thread.sleep(Duration.ofSeconds(template.preStopSeconds()));
      RolloutNode.signal(name, "TERM");
      long deadline = begun + Duration.ofSeconds(template.graceSeconds()).toNanos();
      while (process.isAlive() && System.nanoTime() < deadline) {
        Thread.sleep(LOOK_MS);
      }
      if (process.isAlive()) {
        complain(name + " did not end in its grace of " + template.graceSeconds() + " s");
        RolloutNode.signal(name, "KILL");
      }
      endedSeconds = (System.nanoTime() - begun) / 1e9;
      int status = RolloutNode.status(name);
      if (status != 0) {
        complain(name + " ended with status " + status);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      gone = true;
      changed.run();
    }
  }

  String name() {
    return name;
  }

  String address() {
    return address;
  }

  RolloutTemplate template() {
    return template;
  }

  /** Whether it takes new connections, as a Deployment counts it. */
  boolean available() {
    return ready && !terminating;
  }

  /** As {@link KubernetesObjects#endpoint} has it. */
  String state() {
    if (terminating) {
      return ready ? "draining" : "ended";
    }
    return ready ? "ready" : "unready";
  }

  boolean gone() {
    return gone;
  }

  /** How often its container was started. */
  int starts() {
    return starts.get();
  }

  /** Whether the process of such a start was killed. */
  boolean killed(int start) {
    return killed == start;
  }

  /** From its deletion to its end. */
  double endedSeconds() {
    return endedSeconds;
  }

  private synchronized void complain(String what) {
    complaints.add(what);
  }

  synchronized List<String> complaints() {
    return List.copyOf(complaints);
  }

  private synchronized void note(String what) {
    notes.add(what);
  }

  /** What a busy machine does to pods, and a cluster mends by itself. */
  synchronized List<String> notes() {
    return List.copyOf(notes);
  }
}

package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The controller of a Deployment: a rolling update makes and ends pods as {@code maxSurge} and
 * {@code maxUnavailable} let it. Pods that end do not count, so the next one starts beside them.
 */
final class RolloutDeployment {
  private static final int LOOK_MS = 100;
  private static final long PATIENCE_NANOS = 900_000_000_000L;

  private final RolloutCluster cluster;
  private final RolloutTemplate template;
  private final List<RolloutPod> pods = new ArrayList<>();

  RolloutDeployment(RolloutCluster cluster, RolloutTemplate template) {
    this.cluster = cluster;
    this.template = template;
  }

  /** Makes the pods that are missing; {@link #awaitReady} tells when they serve. */
  void create() throws IOException {
    while (pods.size() < template.replicas()) {
      pods.add(cluster.create(template));
    }
  }

  /** Waits until all are available. */
  void awaitReady() throws IOException {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (available() < template.replicas()) {
      require(deadline, "pods are not ready");
    }
  }

  /**
   * Replaces every pod, and returns those that were replaced, when they are gone.
   *
   * @throws IOException when a new one does not become ready, so that the update stands still
   */
  List<RolloutPod> roll() throws IOException {
    Deque<RolloutPod> old = new ArrayDeque<>(pods);
    List<RolloutPod> replaced = List.copyOf(old);
    int made = 0;
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (!old.isEmpty()) {
      if (made < template.replicas() && pods.size() < template.replicas() + template.maxSurge()) {
        pods.add(cluster.create(template));
        made++;
      } else if (available() > template.replicas() - template.maxUnavailable()) {
        end(old.remove());
        deadline = System.nanoTime() + PATIENCE_NANOS;
      } else {
        require(deadline, "the update stands still");
      }
    }
    awaitReady();
    awaitGone(replaced);
    return replaced;
  }

  /**
   * Ends all pods but the first so many, at once.
   *
   * @return those that ended, when they are gone
   */
  List<RolloutPod> keep(int count) throws IOException {
    List<RolloutPod> ended = List.copyOf(pods.subList(count, pods.size()));
    ended.forEach(this::end);
    awaitGone(ended);
    return ended;
  }

  private void end(RolloutPod pod) {
    pods.remove(pod);
    Thread.ofVirtual().name("end-" + pod.name()).start(pod::delete);
  }

  private void awaitGone(List<RolloutPod> ended) throws IOException {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (!ended.stream().allMatch(RolloutPod::gone)) {
      require(deadline, "a pod does not end");
    }
  }

  List<RolloutPod> pods() {
    return List.copyOf(pods);
  }

  private long available() {
    return pods.stream().filter(RolloutPod::available).count();
  }

  private void require(long deadline, String otherwise) throws IOException {
    if (System.nanoTime() > deadline) {
      throw new IOException(template.name() + ": " + otherwise);
    }
    Target.pause(LOOK_MS);
  }
}

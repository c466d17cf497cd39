package dev.switchboard.gateway.fleet;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * When a worker that exited starts again: at once the first time, then with doubling waits; not at
 * all when it exits too often. A worker that ran longer than the window starts afresh. Pure: the
 * time comes in.
 */
final class RestartPolicy {
  private final WorkersConfig config;
  private final Deque<Long> exits = new ArrayDeque<>();

  RestartPolicy(WorkersConfig config) {
    this.config = config;
  }

  /** Milliseconds to wait before the next start; −1 when it is crash-looping. */
  long exited(long nowMs) {
    while (!exits.isEmpty() && nowMs - exits.getFirst() > config.crashLoopWindowMs()) {
      exits.removeFirst();
    }
    exits.addLast(nowMs);
    if (exits.size() >= config.crashLoopExits()) {
      return -1;
    }
    int doublings = Math.min(exits.size() - 1, 20);
    return Math.min(config.restartFirstMs() << doublings, config.restartMaxMs());
  }

  void forget() {
    exits.clear();
  }
}

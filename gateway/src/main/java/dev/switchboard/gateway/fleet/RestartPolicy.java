package dev.switchboard.gateway.fleet;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * When a worker that exited starts again: at once the first time, then with doubling waits; when it
 * exits too often, after the longest wait each time. Who ran out of memory does not start at once:
 * what took it may still be there. A worker that ran longer than the window starts afresh. Pure:
 * the time comes in.
 */
final class RestartPolicy {
  /** Doublings of the first wait that running out of memory takes at once. */
  private static final int MEMORY_DOUBLINGS = 4;

  private volatile WorkersConfig config;
  private final Deque<Long> exits = new ArrayDeque<>();
  private boolean crashLooping;

  RestartPolicy(WorkersConfig config) {
    this.config = config;
  }

  /** Goes by other waits from the next exit on. On any thread. */
  void reconfigure(WorkersConfig other) {
    config = other;
  }

  /** Milliseconds to wait before the next start of a worker that ran between two moments. */
  long exited(long startedMs, long nowMs, WorkerExit how) {
    if (nowMs - startedMs > config.crashLoopWindowMs()) {
      forget();
    }
    while (!exits.isEmpty() && nowMs - exits.getFirst() > config.crashLoopWindowMs()) {
      exits.removeFirst();
    }
    exits.addLast(nowMs);
    crashLooping |= exits.size() >= config.crashLoopExits();
    if (crashLooping) {
      return config.restartMaxMs();
    }
    int more = how.next() == WorkerExit.Next.RESTART_LATER ? MEMORY_DOUBLINGS : 0;
    int doublings = Math.min(exits.size() - 1 + more, 20);
    return Math.min(config.restartFirstMs() << doublings, config.restartMaxMs());
  }

  /** Whether it exited too often, and has not run for long since then. */
  boolean crashLooping() {
    return crashLooping;
  }

  void forget() {
    exits.clear();
    crashLooping = false;
  }
}

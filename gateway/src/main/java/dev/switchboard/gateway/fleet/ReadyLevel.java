package dev.switchboard.gateway.fleet;

/**
 * How many pods of a model take requests when all is well, as far as a gateway can tell: the most
 * that were ready at once of late. More than are ready is how many are missed.
 *
 * <p>A rolling update has some more for a while, as many as its {@code maxSurge} allows: a new pod
 * becomes ready, then an old one ends. So who ends on purpose, soon after there were more than
 * before, is replaced already and not missed. Who ends at another time leaves a place: its node is
 * drained, and the next pod still has to load.
 */
final class ReadyLevel {
  /** Who was ready is missed for so long: as long as a large model takes to load. */
  static final long MISSED_MS = 900_000;

  /** An old pod ends so soon after a new one is ready. */
  static final long SURGE_MS = 60_000;

  private final long firstMs;
  private int level;

  /** When so many were ready last. */
  private long seenMs;

  /** How many there were before there were more. */
  private int base;

  private long roseMs;

  /** Nobody was seen yet. */
  ReadyLevel(long nowMs) {
    this.firstMs = nowMs;
  }

  synchronized int level() {
    return level;
  }

  /** So many are ready. */
  synchronized void see(int ready, long nowMs) {
    if (ready > level) {
      rises(ready, nowMs);
    } else if (ready < level && nowMs - seenMs < MISSED_MS) {
      return;
    }
    level = ready;
    base = Math.min(base, level);
    seenMs = nowMs;
  }

  /** At a gateway's start those that were there before are found one after another. */
  private void rises(int ready, long nowMs) {
    if (nowMs - firstMs < Standbys.START_MS) {
      base = ready;
    } else if (nowMs - roseMs >= SURGE_MS) {
      base = level;
    }
    roseMs = nowMs;
  }

  /** One that takes requests ends on purpose. */
  synchronized void ends(long nowMs) {
    if (level > base && nowMs - roseMs < SURGE_MS) {
      level--;
    }
  }
}

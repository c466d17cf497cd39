package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.shared.TestLink;
import java.io.IOException;
import java.net.URI;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** The network between a gateway and a region: it drops, delays, breaks, and is well again. */
final class FlakyLink extends TestLink {
  /** How it is. */
  enum Weather {
    WELL,
    /** Nothing comes through, and nobody is told. */
    DROPS,
    /** Answers come late, or when that is over. */
    DELAYS,
    /** Connections end at once. */
    BREAKS
  }

  private final int delayMs;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private volatile Weather weather = Weather.WELL;

  FlakyLink(URI region, int delayMs) throws IOException {
    super(region);
    this.delayMs = delayMs;
    open();
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + port());
  }

  /** Is so from now on, for connections that are open too. */
  void is(Weather now) throws IOException {
    lock.lock();
    try {
      weather = now;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (now == Weather.BREAKS) {
      breakAll();
    }
  }

  @Override
  protected boolean connects() {
    return weather != Weather.BREAKS;
  }

  @Override
  protected boolean passes(boolean answers) throws InterruptedException {
    if (answers) {
      waitOutDelays();
    }
    return weather != Weather.DROPS;
  }

  private void waitOutDelays() throws InterruptedException {
    lock.lock();
    try {
      long left = TimeUnit.MILLISECONDS.toNanos(delayMs);
      while (weather == Weather.DELAYS && left > 0) {
        left = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }
}

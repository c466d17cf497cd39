package dev.switchboard.executor;

import java.util.concurrent.locks.LockSupport;

/** The clock a {@link SimulatedExecutor} lives by. */
public interface SimulatedTime {

  long nanos();

  /** Returns once nanos() has reached the time. */
  void waitUntil(long nanos);

  /** The machine's clock; waiting takes its time. */
  static SimulatedTime real() {
    return new SimulatedTime() {
      @Override
      public long nanos() {
        return System.nanoTime();
      }

      @Override
      public void waitUntil(long nanos) {
        for (long left = nanos - nanos(); left > 0; left = nanos - nanos()) {
          LockSupport.parkNanos(left);
        }
      }
    };
  }

  /** A clock that jumps when waited for, from 0 on. For one thread. */
  static SimulatedTime virtual() {
    return new SimulatedTime() {
      private long now;

      @Override
      public long nanos() {
        return now;
      }

      @Override
      public void waitUntil(long nanos) {
        now = Math.max(now, nanos);
      }
    };
  }
}

package dev.switchboard.testing;

import java.util.concurrent.TimeUnit;

/**
 * How long something took. Only a test tagged {@code timing} may say that it took too long; others
 * may say that it took long enough.
 */
public final class Stopwatch {
  private final long begun = System.nanoTime();

  private Stopwatch() {}

  public static Stopwatch start() {
    return new Stopwatch();
  }

  public long nanos() {
    return System.nanoTime() - begun;
  }

  public long millis() {
    return TimeUnit.NANOSECONDS.toMillis(nanos());
  }
}

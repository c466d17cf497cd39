package dev.switchboard.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The one way in which a test waits for what other threads or processes do.
 *
 * <p>It waits much longer than anything takes, so that a machine whose cores are busy makes a test
 * slow and never red: a test that wants to know how long something takes is tagged {@code timing}
 * and reads a {@link Stopwatch}. It looks often at first, since most of what is awaited is there at
 * once, then seldom, since a look costs what is looked at. A failure says what it saw last and
 * shows every {@link #showing scene} that is open.
 */
public final class Await {
  /** For waits that bring a limit of their own, such as those of latches, futures and sockets. */
  public static final int LIMIT_SECONDS = 120;

  /** The same in milliseconds. */
  public static final int LIMIT_MS = LIMIT_SECONDS * 1000;

  private static final long SHORTEST_NANOS = 5_000_000;
  private static final long LONGEST_NANOS = 100_000_000;
  private static final int SCENE_CHARACTERS = 4000;

  private static final List<Supplier<String>> SCENES = new CopyOnWriteArrayList<>();

  private Await() {}

  /** Waits until the condition holds; what it throws while it does not hold yet is told at last. */
  public static void until(Callable<Boolean> condition) {
    until("the condition", condition);
  }

  /**
   * The same, for a failure that says what did not happen.
   *
   * @param what is awaited, in words
   */
  public static void until(String what, Callable<Boolean> condition) {
    until(what, condition, holds -> holds);
  }

  /**
   * Looks until what it sees is wanted, and gives that.
   *
   * @param what is awaited, in words
   */
  public static <T extends @Nullable Object> T until(
      String what, Callable<T> look, Predicate<T> wanted) {
    return until(what, look, wanted, LIMIT_SECONDS * 1_000_000_000L);
  }

  static <T extends @Nullable Object> T until(
      String what, Callable<T> look, Predicate<T> wanted, long limitNanos) {
    long begun = System.nanoTime();
    for (long pause = SHORTEST_NANOS; ; pause = Math.min(LONGEST_NANOS, pause + pause / 2)) {
      @Nullable Object seen;
      @Nullable Throwable trouble = null;
      try {
        T value = look.call();
        if (wanted.test(value)) {
          return value;
        }
        seen = value;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError("interrupted while waiting for " + what, e);
      } catch (Exception | AssertionError e) {
        seen = e;
        trouble = e;
      }
      if (System.nanoTime() - begun > limitNanos) {
        throw failure(what, limitNanos / 1_000_000_000L, seen, trouble);
      }
      LockSupport.parkNanos(pause);
    }
  }

  /**
   * What a failure shows, while it is open.
   *
   * @param scene says what a reader wants to know, such as a gateway's state and the end of its log
   */
  public static Scene showing(Supplier<String> scene) {
    SCENES.add(scene);
    return () -> SCENES.remove(scene);
  }

  /** A system that a failure shows. */
  @FunctionalInterface
  public interface Scene extends AutoCloseable {
    @Override
    void close();
  }

  private static AssertionError failure(
      String what, long seconds, @Nullable Object seen, @Nullable Throwable trouble) {
    List<String> lines = new ArrayList<>();
    lines.add(what + " did not come within " + seconds + " s; seen last: " + seen);
    for (Supplier<String> scene : SCENES) {
      lines.add(end(told(scene)));
    }
    return new AssertionError(String.join("\n", lines), trouble);
  }

  private static String told(Supplier<String> scene) {
    try {
      return scene.get();
    } catch (RuntimeException | AssertionError e) {
      return "a system that does not answer: " + e;
    }
  }

  private static String end(String text) {
    return text.substring(Math.max(0, text.length() - SCENE_CHARACTERS));
  }
}

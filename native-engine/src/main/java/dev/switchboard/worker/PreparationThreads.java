package dev.switchboard.worker;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The threads that parse, render, tokenize and compile beside the event loop. They are few, so that
 * thirty large bodies at once leave the engine and the event loop their cores, and so that the
 * trees of only a few bodies are in the heap. Large bodies have one thread for all of them: a small
 * one never waits behind them.
 */
final class PreparationThreads implements AutoCloseable {
  /** A body of this size takes about 10 ms. */
  static final int LARGE_BYTES = 256 << 10;

  private static final int IDLE_SECONDS = 10;

  private final ThreadPoolExecutor small;
  private final ThreadPoolExecutor large;

  /**
   * @param cores that the worker has
   */
  PreparationThreads(int cores) {
    small = threads("prepare", Math.clamp(cores / 2, 1, 4));
    large = threads("prepare-large", 1);
  }

  private static ThreadPoolExecutor threads(String name, int count) {
    ThreadPoolExecutor threads =
        new ThreadPoolExecutor(
            count,
            count,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon(true).name(name).factory());
    threads.allowCoreThreadTimeOut(true);
    return threads;
  }

  /** Runs it soon, in the order of those of its kind. */
  void run(int bodyBytes, Runnable task) {
    (bodyBytes < LARGE_BYTES ? small : large).execute(task);
  }

  /** What has not begun is dropped. */
  @Override
  public void close() {
    small.shutdownNow();
    large.shutdownNow();
  }
}

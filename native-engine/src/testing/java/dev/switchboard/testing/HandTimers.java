package dev.switchboard.testing;

import dev.switchboard.timers.Timers;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.Executor;

/**
 * Timers, a clock and an event loop that a test moves by hand, all three by one time. What fires
 * does so at the moment when it is due, in that order, and of what is due together in the order in
 * which it was asked for. Nothing happens but in {@link #advance}, on the thread that calls it.
 */
public final class HandTimers implements Timers, Executor {
  private static final long NANOS = 1_000_000;

  private final PriorityQueue<Waiting> waiting =
      new PriorityQueue<>(
          Comparator.<Waiting>comparingLong(one -> one.dueNanos)
              .thenComparingLong(one -> one.number));
  private final Queue<Runnable> tasks = new ArrayDeque<>();
  private long nowNanos;
  private long asked;

  private final class Waiting implements Timer {
    private final Runnable task;
    private final long periodNanos;
    private long dueNanos;
    private long number;

    Waiting(long ms, long periodNanos, Runnable task) {
      this.task = task;
      this.periodNanos = periodNanos;
      due(nowNanos + ms * NANOS);
    }

    private void due(long nanos) {
      dueNanos = nanos;
      number = asked++;
      waiting.add(this);
    }

    void fire() {
      nowNanos = Math.max(nowNanos, dueNanos);
      if (periodNanos > 0) {
        due(dueNanos + periodNanos);
      }
      task.run();
    }

    @Override
    public boolean cancel() {
      return waiting.remove(this);
    }
  }

  /**
   * @param nowNanos what the clock shows first
   */
  public HandTimers(long nowNanos) {
    this.nowNanos = nowNanos;
  }

  /** Beginning at a second, since 0 often stands for no time. */
  public HandTimers() {
    this(1_000_000_000);
  }

  /** The clock. */
  public long nanos() {
    return nowNanos;
  }

  @Override
  public Timer after(long ms, Runnable task) {
    return new Waiting(atLeastOne(ms), 0, task);
  }

  @Override
  public Timer every(long ms, Runnable task) {
    return new Waiting(ms, atLeastOne(ms) * NANOS, task);
  }

  /** As Vert.x has it. */
  private static long atLeastOne(long ms) {
    if (ms < 1) {
      throw new IllegalArgumentException("a timer of " + ms + " ms");
    }
    return ms;
  }

  /** Hands a task to the event loop, which runs it when the time is moved next. */
  @Override
  public void execute(Runnable task) {
    tasks.add(task);
  }

  /** Lets time pass; 0 runs what waits already. */
  public void advance(long ms) {
    long until = nowNanos + ms * NANOS;
    run();
    for (Waiting next = waiting.peek();
        next != null && next.dueNanos <= until;
        next = waiting.peek()) {
      waiting.remove();
      next.fire();
      run();
    }
    nowNanos = Math.max(nowNanos, until);
  }

  private void run() {
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
  }

  /** Time passes and nothing runs, as where a machine gives an event loop no time. */
  public void hold(long ms) {
    nowNanos += ms * NANOS;
  }

  /** How many timers wait. */
  public int waiting() {
    return waiting.size();
  }
}

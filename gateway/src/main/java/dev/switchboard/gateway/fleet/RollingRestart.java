package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.flight.NanoClock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Restarts workers one after another: the next one is drained only when the one before is proven
 * again, so that never more than one is missing. It stops at the first that does not come back.
 */
public final class RollingRestart {

  /** What became of a worker. */
  public enum Step {
    WAITING,
    RUNNING,
    DONE,
    /** It did not come back, or could not be drained. */
    FAILED,
    /**
     * One before it failed, the configuration does not have it any more, or an operator stopped it
     * or empties it.
     */
    SKIPPED
  }

  /**
   * One worker's.
   *
   * @param drain how it was emptied; null before
   */
  public record Row(String replica, Step step, double seconds, Drain.@Nullable Report drain) {}

  /** How it goes. */
  public record Report(List<Row> rows, boolean done, boolean failed, double seconds) {
    /** Nobody asked for one yet. */
    public static final Report NONE = new Report(List.of(), true, false, 0);

    public Report {
      rows = List.copyOf(rows);
    }
  }

  private final Deque<Replica> waiting = new ArrayDeque<>();
  private final List<Row> ended = new ArrayList<>();
  private final long graceMs;
  private final long limitNanos;
  private final BiPredicate<Replica, Long> restart;
  private final NanoClock clock;
  private final long startNanos;
  private @Nullable Replica current;
  private int incarnation;
  private long currentNanos;
  private long endNanos;
  private boolean failed;

  /**
   * @param limitMs in which a worker must be back after it was empty
   * @param restart begins to restart one with a grace in milliseconds; false when it cannot
   */
  RollingRestart(
      List<Replica> workers,
      long graceMs,
      long limitMs,
      BiPredicate<Replica, Long> restart,
      NanoClock clock) {
    waiting.addAll(workers);
    this.graceMs = graceMs;
    this.limitNanos = limitMs * 1_000_000;
    this.restart = restart;
    this.clock = clock;
    this.startNanos = clock.epochNanos();
  }

  /** Goes on when it can; says whether there is more to do. */
  synchronized boolean tick() {
    long now = clock.epochNanos();
    Replica running = current;
    if (running != null && !ended(running, now)) {
      return true;
    }
    current = null;
    Replica next = failed ? null : waiting.poll();
    if (next == null) {
      waiting.forEach(left -> ended.add(new Row(left.id(), Step.SKIPPED, 0, null)));
      waiting.clear();
      endNanos = endNanos == 0 ? now : endNanos;
      return false;
    }
    current = next;
    currentNanos = now;
    incarnation = next.incarnation();
    if (next.leaving() || stays(next)) {
      end(next, Step.SKIPPED, now);
    } else if (!restart.test(next, graceMs)) {
      end(next, Step.FAILED, now);
    }
    return true;
  }

  private boolean ended(Replica running, long now) {
    boolean another = running.incarnation() != incarnation;
    boolean back = back(running.state(), another);
    boolean lost = another && running.state() == ReplicaState.FAILED;
    boolean resumed = !another && back;
    if (running.leaving()) {
      end(running, Step.SKIPPED, now);
    } else if (another && back) {
      end(running, Step.DONE, now);
    } else if (lost
        || resumed
        || (another && now - currentNanos > limitNanos + graceMs * 1_000_000)) {
      end(running, Step.FAILED, now);
    }
    return current == null;
  }

  /** What an operator stopped, or empties now, is not for a restart of many. */
  private static boolean stays(Replica next) {
    return next.state() == ReplicaState.STOPPED
        || (next.order() != StandingOrder.SERVE && next.state() == ReplicaState.DRAINING);
  }

  /** One that an operator cordoned or drained comes back as that. */
  private static boolean back(ReplicaState state, boolean another) {
    return switch (state) {
      case READY, STANDBY -> true;
      case CORDONED, DRAINED -> another;
      default -> false;
    };
  }

  private void end(Replica worker, Step step, long now) {
    Drain drain = worker.drain();
    double seconds = (now - currentNanos) / 1e9;
    ended.add(new Row(worker.id(), step, seconds, drain == null ? null : drain.report(0, now)));
    failed |= step == Step.FAILED;
    current = null;
  }

  /** How it goes now. */
  public synchronized Report report() {
    long now = clock.epochNanos();
    List<Row> rows = new ArrayList<>(ended);
    Replica running = current;
    if (running != null) {
      Drain drain = running.drain();
      rows.add(
          new Row(
              running.id(),
              Step.RUNNING,
              (now - currentNanos) / 1e9,
              drain == null ? null : drain.report(running.inFlight(), now)));
    }
    waiting.forEach(left -> rows.add(new Row(left.id(), Step.WAITING, 0, null)));
    double seconds = ((endNanos == 0 ? now : endNanos) - startNanos) / 1e9;
    return new Report(rows, endNanos != 0, failed, seconds);
  }
}

package dev.switchboard.gateway.fleet;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a gateway believes to have at a worker, against what the worker says that it has of it.
 *
 * <p>Both sides change all the time, so one that only one of them names is nothing to wonder at: it
 * is on its way. Numbers are never used twice, so one that stays one-sided in every comparison of
 * three seconds is on no way any more. Plain: the time comes in. On one thread.
 */
final class InFlightDiff {
  static final long SETTLE_NANOS = 3_000_000_000L;

  /**
   * What does not settle.
   *
   * @param orphans only the worker has them
   * @param lost only the gateway believes them there
   * @param newOrphans of the orphans those that were none before, as {@code newLost} of the lost
   */
  record Drift(List<Long> orphans, List<Long> lost, int newOrphans, int newLost) {
    static final Drift NONE = new Drift(List.of(), List.of(), 0, 0);

    Drift {
      orphans = List.copyOf(orphans);
      lost = List.copyOf(lost);
    }
  }

  private final Side there = new Side();
  private final Side here = new Side();

  /** Those that only one side names, since when. */
  private static final class Side {
    private final Map<Long, Long> since = new HashMap<>();
    private final Set<Long> told = new HashSet<>();

    List<Long> settled(Set<Long> own, Collection<Long> others, long now) {
      Set<Long> alone = new HashSet<>(own);
      alone.removeAll(others);
      since.keySet().retainAll(alone);
      told.retainAll(alone);
      List<Long> settled = new ArrayList<>();
      for (long number : alone) {
        if (now - since.computeIfAbsent(number, first -> now) >= SETTLE_NANOS) {
          settled.add(number);
        }
      }
      return settled;
    }

    int tell(List<Long> settled) {
      int fresh = 0;
      for (long number : settled) {
        fresh += told.add(number) ? 1 : 0;
      }
      return fresh;
    }

    void clear() {
      since.clear();
      told.clear();
    }
  }

  /** Both have the same. */
  void agree() {
    there.clear();
    here.clear();
  }

  /**
   * @param believed at this replica, which has to say something of them
   * @param anywhere at any: one worker may serve under two names, and tells of both
   */
  Drift compare(Set<Long> believed, Set<Long> anywhere, Set<Long> told, long nowNanos) {
    List<Long> orphans = there.settled(told, anywhere, nowNanos);
    List<Long> lost = here.settled(believed, told, nowNanos);
    return new Drift(orphans, lost, there.tell(orphans), here.tell(lost));
  }
}

package dev.switchboard.gateway.discovery;

import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Which pods' deletion costs are to change, so that a set of pods that shrinks loses the emptiest
 * first. Costs are coarse, so that a pod's changes seldom; what stands there already, as another
 * gateway wrote it, is left. Pure: the time comes in. Not safe for several threads.
 */
public final class DeletionCosts {
  /** At most so many changes a turn: the API server has others to serve. */
  static final int MOST_AT_ONCE = 5;

  /** Of a pod that takes no new requests: it goes before any that does. */
  static final int UNUSED = -100;

  /**
   * A pod and what it does.
   *
   * @param pod namespace and name, with a slash between
   * @param requests there, also of other gateways
   * @param serving whether it takes new requests
   * @param now what stands at the pod; empty for nothing
   */
  public record Use(String pod, int requests, boolean serving, String now) {
    int cost() {
      return serving ? coarse(requests) : UNUSED;
    }
  }

  /** A pod and its new cost. */
  public record Change(String pod, int cost) {}

  private final Map<String, Long> changed = new HashMap<>();

  /**
   * What to change now, the emptiest first.
   *
   * @param leastNanos between two changes of one pod
   */
  public List<Change> turn(Collection<Use> uses, long leastNanos, long nowNanos) {
    changed.values().removeIf(at -> nowNanos - at >= leastNanos);
    List<Change> changes =
        uses.stream()
            .filter(use -> !use.now().equals(Integer.toString(use.cost())))
            .filter(use -> !changed.containsKey(use.pod()))
            .sorted(Comparator.comparingInt(Use::cost).thenComparing(Use::pod))
            .limit(MOST_AT_ONCE)
            .map(use -> new Change(use.pod(), use.cost()))
            .toList();
    changes.forEach(change -> changed.put(change.pod(), nowNanos));
    return changes;
  }

  /** 0, 1, 2, 4, 8 …: the largest power of two that is not above. */
  private static int coarse(int requests) {
    return requests <= 0 ? 0 : Integer.highestOneBit(requests);
  }
}

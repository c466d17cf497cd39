package dev.switchboard.gateway.flight;

import dev.switchboard.gateway.flight.FlightRecord.Interval;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Sets of moments: lists of intervals that rise and do not touch each other. */
final class Intervals {
  private Intervals() {}

  /** All moments of either. */
  static List<Interval> union(List<Interval> some, List<Interval> others) {
    if (others.isEmpty() && some.size() < 2) {
      return some;
    }
    List<Interval> all = new ArrayList<>(some);
    all.addAll(others);
    all.sort(Comparator.comparingLong(Interval::startNanos));
    List<Interval> made = new ArrayList<>(all.size());
    for (Interval next : all) {
      Interval last = made.isEmpty() ? null : made.getLast();
      if (last == null || next.startNanos() > last.endNanos()) {
        made.add(next);
      } else if (next.endNanos() > last.endNanos()) {
        made.set(made.size() - 1, new Interval(last.startNanos(), next.endNanos()));
      }
    }
    return made;
  }

  /** The moments of a set that are not in another one. */
  static List<Interval> minus(List<Interval> some, List<Interval> without) {
    if (some.isEmpty() || without.isEmpty()) {
      return some;
    }
    List<Interval> left = some;
    for (Interval hole : without) {
      List<Interval> next = new ArrayList<>(left.size() + 1);
      for (Interval each : left) {
        add(next, each.startNanos(), Math.min(each.endNanos(), hole.startNanos()));
        add(next, Math.max(each.startNanos(), hole.endNanos()), each.endNanos());
      }
      left = next;
    }
    return left;
  }

  private static void add(List<Interval> to, long start, long end) {
    if (end > start) {
      to.add(new Interval(start, end));
    }
  }

  /** How much of a time they cover. */
  static long covered(List<Interval> set, long from, long to) {
    long sum = 0;
    for (int i = 0; i < set.size(); i++) {
      Interval each = set.get(i);
      sum += Math.max(0, Math.min(each.endNanos(), to) - Math.max(each.startNanos(), from));
    }
    return sum;
  }
}

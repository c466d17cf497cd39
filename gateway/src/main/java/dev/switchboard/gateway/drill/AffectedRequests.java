package dev.switchboard.gateway.drill;

import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.FlightRecord;
import java.util.List;

/**
 * What users noticed of a drill: the requests that were at its replica while it went on, be it for
 * a part of their time. They are counted when they end, which may be after the drill has. Safe on
 * any thread.
 */
final class AffectedRequests {
  /** After a drill, requests may still end that it met. */
  static final long LASTS_NANOS = 3_600_000_000_000L;

  private final String replica;
  private final long startNanos;
  private long endNanos = Long.MAX_VALUE;
  private int requests;
  private int missed;
  private int moved;
  private int broken;
  private long longestPauseNanos;

  AffectedRequests(String replica, long startNanos) {
    this.replica = replica;
    this.startNanos = startNanos;
  }

  /** The drill is over. */
  synchronized void ends(long nowNanos) {
    endNanos = nowNanos;
  }

  /** Whether no request is to be expected any more. */
  synchronized boolean past(long nowNanos) {
    return endNanos != Long.MAX_VALUE && nowNanos - endNanos > LASTS_NANOS;
  }

  /**
   * A request has ended, wherever it was.
   *
   * @param aheadNanos what its times are ahead of the gateway's clock
   */
  synchronized void ended(FlightRecord record, long aheadNanos) {
    boolean met = false;
    boolean left = false;
    List<FlightRecord.Attempt> attempts = record.attempts();
    for (int i = 0; i < attempts.size(); i++) {
      if (there(record, attempts.get(i), aheadNanos)) {
        met = true;
        left |= i + 1 < attempts.size() && resumed(attempts.get(i + 1));
      }
    }
    if (met) {
      requests++;
      missed += record.missed() ? 1 : 0;
      moved += left ? 1 : 0;
      broken += record.outcome().serverSide() ? 1 : 0;
      longestPauseNanos = Math.max(longestPauseNanos, record.longestGapNanos());
    }
  }

  private boolean there(FlightRecord record, FlightRecord.Attempt attempt, long aheadNanos) {
    long until = attempt.endNanos() == 0 ? record.at(Mark.ENDED) : attempt.endNanos();
    return attempt.replica().equals(replica)
        && attempt.startNanos() - aheadNanos < endNanos
        && until - aheadNanos > startNanos;
  }

  private static boolean resumed(FlightRecord.Attempt next) {
    FlightRecord.Move move = next.move();
    return move != null && move.resumedNanos() != 0;
  }

  synchronized DrillReport.Noticed report() {
    return new DrillReport.Noticed(requests, missed, moved, broken, longestPauseNanos / 1e6);
  }
}

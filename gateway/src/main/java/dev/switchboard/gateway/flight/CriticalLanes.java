package dev.switchboard.gateway.flight;

import dev.switchboard.timeline.RequestTimeline.Lane;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The lanes a phase waited for: in each stage the rank that was busy longest. Waiting for the stage
 * before is left out, for that time is the other stage's own.
 */
final class CriticalLanes {
  private CriticalLanes() {}

  /** Nanoseconds of compute, collective wait, transfer (send and copy) and sampling. */
  static long[] shares(List<Lane> lanes) {
    Map<Integer, Lane> critical = new HashMap<>();
    for (Lane lane : lanes) {
      critical.merge(lane.stage(), lane, (a, b) -> busy(b) > busy(a) ? b : a);
    }
    long[] shares = new long[4];
    for (Lane lane : critical.values()) {
      shares[0] += lane.computeNanos();
      shares[1] += lane.allReduceWaitNanos();
      shares[2] += lane.sendNanos() + lane.copyNanos();
      shares[3] += lane.sampleNanos();
    }
    return shares;
  }

  private static long busy(Lane lane) {
    return lane.computeNanos()
        + lane.allReduceWaitNanos()
        + lane.sendNanos()
        + lane.copyNanos()
        + lane.sampleNanos();
  }
}

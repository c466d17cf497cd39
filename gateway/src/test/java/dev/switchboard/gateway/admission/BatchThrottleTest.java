package dev.switchboard.gateway.admission;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.LatencyTarget;
import dev.switchboard.gateway.routing.Prompt;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BatchThrottleTest {
  private static final long MS = 1_000_000L;
  private static final long MINUTE = 60_000 * MS;
  private static final long START = 10 * MINUTE;

  private final List<LatencyTarget> asked = new ArrayList<>();
  private int rooms = 1;
  private LatencyTarget alone = new LatencyTarget(0, 0);
  private double askedTokens;
  private final BatchThrottle pace =
      new BatchThrottle(
          new WaitPredictor() {
            @Override
            public long ttftNanos(Demand demand, long nowNanos) {
              return UNKNOWN;
            }

            @Override
            public int rooms(LatencyTarget promise, double promptTokens, long nowNanos) {
              asked.add(promise);
              askedTokens = promptTokens;
              return rooms;
            }

            @Override
            public LatencyTarget alone(double promptTokens, long nowNanos) {
              return alone;
            }
          });

  private static Demand demand(Band band, long now, int ttftMs, double tpotMs) {
    return demand(band, now, ttftMs, tpotMs, 10);
  }

  private static Demand demand(Band band, long accepted, int ttftMs, double tpotMs, int tokens) {
    return Demands.of(
        "t", band, accepted, ttftMs, tpotMs, Long.MAX_VALUE, Prompt.of(tokens), 10, 10);
  }

  private LatencyTarget promisedAt(long now) {
    pace.holds(now);
    return asked.getLast();
  }

  @Test
  void whoeverComesNextIsTakenToWantAsMuchAsAnybodyDid() {
    pace.offered(demand(Band.HIGH, START, 1000, 100), START);
    pace.offered(demand(Band.NORMAL, START, 3000, 50), START);
    pace.offered(demand(Band.NORMAL, START, 0, 0), START);

    assertEquals(new LatencyTarget(1000, 50), promisedAt(START));
  }

  @Test
  void whatYieldsIsPromisedNothing() {
    pace.offered(demand(Band.SHEDDABLE, START, 500, 20), START);

    assertEquals(LatencyTarget.NONE, promisedAt(START));
  }

  @Test
  void aBodyThatComesLateMakesNoTargetTighter() {
    pace.offered(demand(Band.HIGH, START - 990 * MS, 1000, 0), START);

    assertEquals(1000, promisedAt(START).ttftMs());
  }

  @Test
  void whatNoIdleReplicaCouldKeepIsNotRememberedAndHidesNothing() {
    alone = new LatencyTarget(300, 20);
    pace.offered(demand(Band.HIGH, START, 1000, 100), START);
    pace.offered(demand(Band.HIGH, START, 299, 19), START);
    LatencyTarget both = promisedAt(START);
    pace.offered(demand(Band.HIGH, START, 5, 20), START);
    pace.offered(demand(Band.HIGH, START, 300, 0.5), START);

    assertEquals(new LatencyTarget(1000, 100), both);
    assertEquals(new LatencyTarget(300, 20), promisedAt(START));
  }

  @Test
  void whereNothingIsKnownNothingIsRemembered() {
    alone = LatencyTarget.NONE;
    pace.offered(demand(Band.HIGH, START, 1000, 100), START);

    assertEquals(LatencyTarget.NONE, promisedAt(START));
  }

  @Test
  void aUsualPromptIsThatOfThoseWithATargetAndAVeryLongOneHardlyMovesIt() {
    for (int i = 0; i < 50; i++) {
      pace.offered(demand(Band.HIGH, START, 1000, 0, 100), START);
      pace.offered(demand(Band.SHEDDABLE, START, 1000, 0, 5000), START);
      pace.offered(demand(Band.NORMAL, START, 0, 0, 5000), START);
    }
    promisedAt(START);
    double usual = askedTokens;
    pace.offered(demand(Band.HIGH, START, 1000, 0, 100_000), START);
    promisedAt(START);

    assertEquals(100, usual, 0.01);
    assertEquals(141, askedTokens, 1);
  }

  @Test
  void whatWasWantedIsRememberedForAMinuteAndForgottenAfterTwo() {
    pace.offered(demand(Band.HIGH, START, 1000, 100), START);
    pace.offered(demand(Band.HIGH, START + MINUTE, 0, 200), START + MINUTE);

    assertEquals(new LatencyTarget(1000, 100), promisedAt(START + 2 * MINUTE - MS));
    assertEquals(new LatencyTarget(Double.POSITIVE_INFINITY, 200), promisedAt(START + 2 * MINUTE));
    pace.offered(demand(Band.HIGH, START + 3 * MINUTE, 0, 70), START + 3 * MINUTE);
    assertEquals(LatencyTarget.NONE, promisedAt(START + 9 * MINUTE));
  }

  @Test
  void whatIsOnItsWayTakesTheRoomOfAReplica() {
    Demand batch = demand(Band.SHEDDABLE, START, 0, 0);
    pace.begins(demand(Band.HIGH, START, 1000, 100));
    boolean first = pace.holds(START);
    pace.begins(batch);
    boolean second = pace.holds(START);
    pace.routed(batch);

    assertFalse(first);
    assertTrue(second);
    assertFalse(pace.holds(START + MS));
  }

  @Test
  void afterANoNobodyAsksForAMillisecond() {
    rooms = 0;
    pace.holds(START);
    rooms = 1;

    assertTrue(pace.holds(START + MS - 1));
    assertEquals(1, asked.size());
    assertFalse(pace.holds(START + MS));
  }
}

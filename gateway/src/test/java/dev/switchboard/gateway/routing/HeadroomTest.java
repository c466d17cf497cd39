package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class HeadroomTest {
  private static final long NOW = 1_000_000_000L;
  private static final double NOTHING = Double.POSITIVE_INFINITY;

  /** A step of 10 ms and 2 ms for each request, half a millisecond for each prompt token. */
  private static final Rates RATES =
      new Rates(5, 0.5, 0, 0, 10, 2, 0, 0, 0, 0, 0.1, 0, 100, NOW, 100);

  private static ReplicaView replica(int waiting, int running, double paceMs, Rates rates) {
    return ReplicaView.of("r", "m")
        .withInFlight(waiting + running)
        .withOwn(new Workload.Snapshot(waiting, 100 * waiting, running, 0, 0, paceMs, 1, rates));
  }

  private static int rooms(double ttftMs, double tpotMs, ReplicaView... replicas) {
    return Headroom.rooms(List.of(replicas), new LatencyTarget(ttftMs, tpotMs), 0, NOW);
  }

  @Test
  void aReplicaHasRoomAsLongAsItsTokensComeInTimeForWhoeverComesNext() {
    assertEquals(1, rooms(NOTHING, 30, replica(0, 9, 0, RATES)));
    assertEquals(0, rooms(NOTHING, 30, replica(0, 10, 0, RATES)));
  }

  @Test
  void whatWaitsThereWillRunThere() {
    assertEquals(0, rooms(NOTHING, 30, replica(3, 7, 0, RATES)));
  }

  @Test
  void whoRunsThereIsNotSlowedDownBelowItsOwnPace() {
    assertEquals(1, rooms(NOTHING, 50, replica(0, 4, 20, RATES)));
    assertEquals(0, rooms(NOTHING, 50, replica(0, 5, 20, RATES)));
  }

  @Test
  void aPromptThatWaitsThereLeavesNoRoomWhereATwentiethOfTheFirstTokensTimeIsLess() {
    assertEquals(1, rooms(1000, NOTHING, replica(1, 0, 0, RATES)));
    assertEquals(0, rooms(999, NOTHING, replica(1, 0, 0, RATES)));
  }

  @Test
  void whatNobodyCouldKeepBindsNobody() {
    assertEquals(1, rooms(NOTHING, 11, replica(0, 20, 0, RATES)));
    assertEquals(0, rooms(NOTHING, 11, replica(0, 20, 30, RATES)));
    assertEquals(0, rooms(6, NOTHING, replica(1, 0, 0, RATES)));
    assertEquals(1, rooms(4, NOTHING, replica(1, 0, 0, RATES)));
  }

  /** With a prompt of 100 tokens an idle one has the first token after 55 ms. */
  @Test
  void norDoesAFirstTokenThatNobodyCouldHaveWithAUsualPrompt() {
    List<ReplicaView> replicas = List.of(replica(1, 0, 0, RATES));
    double likelyMs = 55 * Math.exp(0.1 * Prediction.TWO_OF_THREE);

    assertEquals(1, Headroom.rooms(replicas, new LatencyTarget(likelyMs - 0.1, NOTHING), 100, NOW));
    assertEquals(0, Headroom.rooms(replicas, new LatencyTarget(likelyMs + 0.1, NOTHING), 100, NOW));
  }

  /** Its steps scatter by half, and prompts between them double them. */
  @Test
  void anIdleReplicaHasRoomWhateverIsPromised() {
    Rates scattered = new Rates(5, 0.5, 0, 0, 10, 2, 1, 12, 0, 0, 0.1, 0.4, 100, NOW, 100);

    for (double tpotMs = 1; tpotMs < 60; tpotMs++) {
      assertEquals(1, rooms(NOTHING, tpotMs, replica(0, 0, 0, scattered)));
    }
    assertEquals(0, rooms(NOTHING, 29, replica(0, 1, 0, scattered)));
  }

  @Test
  void whatAReplicaCouldKeepIsTheBestOfThoseThatAreKnownAndTakeRequests() {
    ReplicaView known = replica(9, 99, 0, RATES);
    Rates quick = new Rates(1, 0.1, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 100, NOW, 100);
    ReplicaView gone = replica(0, 0, 0, quick).withState("DRAINING");
    ReplicaView unknown = replica(0, 0, 0, Rates.UNKNOWN);

    LatencyTarget one = Headroom.alone(List.of(unknown, known, gone), 100, NOW);
    LatencyTarget two = Headroom.alone(List.of(known, replica(0, 0, 0, quick)), 100, NOW);

    assertEquals(55 * Math.exp(0.1 * Prediction.TWO_OF_THREE), one.ttftMs(), 1e-9);
    assertEquals(12, one.tpotMs(), 1e-9);
    assertEquals(new LatencyTarget(11, 6), two);
    assertEquals(LatencyTarget.NONE, Headroom.alone(List.of(unknown, gone), 100, NOW));
  }

  @Test
  void whereNothingIsKnownThereIsRoom() {
    assertEquals(1, rooms(1, 1, replica(9, 99, 0, Rates.UNKNOWN)));
  }

  @Test
  void eachReplicaIsCounted() {
    ReplicaView full = replica(0, 10, 0, RATES);
    ReplicaView idle = replica(0, 0, 0, RATES);

    assertEquals(2, rooms(NOTHING, 30, idle, full, idle));
    assertEquals(1, rooms(NOTHING, 30, idle, full, idle.withState("DRAINING")));
  }

  @Test
  void roomIsNotWhatIsMissingWhereNothingIsPromisedOrNobodyTakesRequests() {
    assertEquals(Integer.MAX_VALUE, rooms(NOTHING, NOTHING, replica(9, 99, 0, RATES)));
    assertEquals(Integer.MAX_VALUE, rooms(100, 30, replica(9, 99, 0, RATES).withState("DRAINING")));
  }
}

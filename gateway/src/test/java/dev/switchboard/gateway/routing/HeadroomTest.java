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
        .withOwn(
            new Workload.Snapshot(
                waiting,
                100 * waiting,
                running,
                0,
                0,
                paceMs,
                1,
                rates,
                new Load(waiting, 100 * waiting, 0)));
  }

  private static int rooms(double ttftMs, double tpotMs, ReplicaView... replicas) {
    return Headroom.rooms(List.of(replicas), ttftMs, tpotMs, NOW);
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
  void ofAWholeAnswerNobodyKnowsHowLongItsPromptWaits() {
    ReplicaView streams = replica(1, 0, 0, RATES);
    Workload.Snapshot one = new Workload.Snapshot(1, 100, 0, 0, 0, 0, 1, RATES, Load.NONE);

    assertEquals(0, rooms(100, NOTHING, streams));
    assertEquals(1, rooms(100, NOTHING, streams.withOwn(one)));
  }

  @Test
  void whatNobodyCouldKeepBindsNobody() {
    assertEquals(1, rooms(NOTHING, 11, replica(0, 20, 0, RATES)));
    assertEquals(0, rooms(NOTHING, 11, replica(0, 20, 30, RATES)));
    assertEquals(0, rooms(5, NOTHING, replica(1, 0, 0, RATES)));
    assertEquals(1, rooms(4, NOTHING, replica(1, 0, 0, RATES)));
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

package dev.switchboard.gateway.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.routing.HedgePolicy.Verdict;
import dev.switchboard.gateway.slo.Slo;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class HedgePolicyTest {
  private static final HedgePolicy POLICY = new HedgePolicy(List.of("interactive"), 2, 50);
  private static final RouteRequest REQUEST =
      RouteRequest.of("m").withTokens(1, 16).withExcluded(Set.of("a"));

  @Test
  void onlyTheNamedClassesHaveASecondCopy() {
    HedgePolicy every = new HedgePolicy(List.of("*"), 1, 1);

    assertTrue(POLICY.covers("interactive"));
    assertFalse(POLICY.covers("batch"));
    assertTrue(every.covers("batch"));
    assertFalse(HedgePolicy.DEFAULTS.covers("interactive"));
  }

  @Test
  void lateIsAMultipleOfTheReplicasOwnNinthDecile() {
    Decision.Candidate slow = candidate(view("a", 400, 100));
    Decision.Candidate quick = candidate(view("b", 2, 100));

    assertEquals(2 * slow.prediction().ttftP90Ms(), POLICY.lateAfterMs(slow));
    assertTrue(POLICY.lateAfterMs(slow) > 800);
    assertEquals(50, POLICY.lateAfterMs(quick));
  }

  @Test
  void nothingIsLateWhileLittleIsKnown() {
    assertEquals(
        Double.NaN, POLICY.lateAfterMs(candidate(view("a", 10, HedgePolicy.EXPERIENCE - 1))));
  }

  @Test
  void aReplicaThatIsExpectedSoonerGetsTheSecondCopy() {
    assertEquals(Verdict.SEND, judge(0, view("a", 10, 100), view("b", 10, 100)));
  }

  @Test
  void aLateOneHasNoUseForAReplicaThatIsSlowOverdueOrHasAQueue() {
    ReplicaView slow = view("b", 400, 100);
    ReplicaView overdue = view("b", 10, 100, 30);
    ReplicaView queue = view("b", 10, 100).withReport(4, 2, 100, 10);

    assertEquals(Verdict.OVERLOADED, judge(0, view("a", 10, 100), slow));
    assertEquals(Verdict.OVERLOADED, judge(0, view("a", 10, 100), overdue));
    assertEquals(Verdict.OVERLOADED, judge(0, view("a", 10, 100), queue));
  }

  @Test
  void aReplicaThatHasAsMuchAsItTakesIsOverloaded() {
    ReplicaView full = view("b", 10, 100).withMaxConcurrency(1).withInFlight(1);

    assertEquals(Verdict.OVERLOADED, judge(0, view("a", 10, 100), full));
  }

  @Test
  void whileOneIsEmptiedTheOthersGetNoCopies() {
    ReplicaView draining = view("c", 10, 100).withState("DRAINING");

    assertEquals(Verdict.DRAINING, judge(0, view("a", 10, 100), view("b", 10, 100), draining));
    assertEquals(
        Verdict.DRAINING, judge(0, view("a", 10, 100).withState("DRAINING"), view("b", 10, 100)));
  }

  @Test
  void whoIsAloneOrProbedOrTooLateAnywayStaysWhereItIs() {
    ReplicaView probed = view("b", 10, 100).withCircuit(ReplicaView.Circuit.PROBE);

    assertEquals(Verdict.NO_REPLICA, judge(0, view("a", 10, 100)));
    assertEquals(Verdict.NO_REPLICA, judge(0, view("a", 10, 100), probed));
    assertEquals(Verdict.NO_REPLICA, judge(995, view("a", 10, 100), view("b", 10, 100)));
  }

  @Test
  void whatCannotBeMeantIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new HedgePolicy(List.of("two words"), 2, 50));
    assertThrows(IllegalArgumentException.class, () -> new HedgePolicy(List.of(), 0.5, 50));
    assertThrows(IllegalArgumentException.class, () -> new HedgePolicy(List.of(), Double.NaN, 50));
    assertThrows(IllegalArgumentException.class, () -> new HedgePolicy(List.of(), 2, 0));
  }

  private static Verdict judge(double elapsedMs, ReplicaView... views) {
    Decision second = new LeastLoaded().route(List.of(views), REQUEST, 0);
    return HedgePolicy.judge(second, 60, new Slo("interactive", 0, 0, 1000, 0), elapsedMs);
  }

  private static Decision.Candidate candidate(ReplicaView view) {
    RouteRequest request = RouteRequest.of("m").withTokens(1, 16);
    return new LeastLoaded().route(List.of(view), request, 0).candidates().getFirst();
  }

  private static ReplicaView view(String id, double ttftMs, long samples) {
    return view(id, ttftMs, samples, 0);
  }

  private static ReplicaView view(String id, double ttftMs, long samples, double overdueMs) {
    Rates rates = new Rates(ttftMs, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0.1, 0.1, 16, 0, samples);
    return ReplicaView.of(id, "m")
        .withOwn(new Workload.Snapshot(0, 0, 0, overdueMs, 0, 0, 1, rates));
  }
}

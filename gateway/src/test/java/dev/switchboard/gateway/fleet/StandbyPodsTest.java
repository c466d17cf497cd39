package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.upstream.Circuit;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two pods that serve a model, and one that stands by, which is {@code u2}. */
class StandbyPodsTest {
  private static final long A_TICK = 20;

  private final FleetByHand hand = new FleetByHand(List.of(), List.of());

  private static DiscoveredServer serves(String name) {
    return FleetByHand.pod(name, false, DiscoveredServer.SERVE);
  }

  private static final DiscoveredServer SPARE =
      FleetByHand.pod("spare", true, DiscoveredServer.SERVE);

  private void take(DiscoveredServer... found) {
    FleetPlan plan =
        FleetPlan.of(
            FleetByHand.WORKERS, Circuit.Config.DEFAULTS, List.of(), List.of(), Instant.EPOCH);
    FleetChange _ = hand.fleet().reconfigure(plan.withFound(Set.of("m"), Arrays.asList(found)));
    hand.pass(A_TICK);
  }

  @BeforeEach
  void start() {
    take(serves("a"), serves("b"), SPARE);
    // The first one to be proven is the one that stands by.
    for (String each : List.of("u2", "u0", "u1")) {
      hand.ready(each);
      hand.pass(A_TICK);
    }
  }

  private static DiscoveredServer ends(String name) {
    return FleetByHand.pod(name, false, new DiscoveredServer.Leave("pod " + name + " ends", 0));
  }

  private void eject(String id) {
    hand.replica(id).tryTransition(ReplicaState.READY, ReplicaState.EJECTED, "refused");
  }

  private void returns(String id) {
    hand.replica(id).tryTransition(ReplicaState.EJECTED, ReplicaState.WARMING, "answers again");
    hand.ready(id);
  }

  private void itIsOneTooManyForAMinute() {
    hand.pass(A_TICK);
    hand.pass(Standbys.LEAST_MS);
    hand.pass(A_TICK);
    hand.ready("u2");
  }

  @Test
  void itTakesNoRequestsWhileTheOthersDo() {
    hand.pass(10 * ReadyLevel.MISSED_MS);

    assertEquals("u0:READY u1:READY u2:STANDBY", hand.ids());
  }

  @Test
  void itIsReadyInTheStepInWhichAnotherIsNot() {
    eject("u0");

    assertEquals("u0:EJECTED u1:READY u2:READY", hand.ids());
    assertEquals("in the place of u0", hand.replica("u2").reason());
  }

  @Test
  void asManyAsAreLostAreReadyInTheSameStep() {
    DiscoveredServer another = FleetByHand.pod("another", true, DiscoveredServer.SERVE);
    take(serves("a"), serves("b"), SPARE, another);
    hand.ready("u3");
    String before = hand.ids();

    eject("u0");
    String one = hand.ids();
    eject("u1");

    assertEquals("u0:READY u1:READY u2:STANDBY u3:STANDBY", before);
    assertEquals("u0:EJECTED u1:READY u2:READY u3:STANDBY", one);
    assertEquals("u0:EJECTED u1:EJECTED u2:READY u3:READY", hand.ids());
  }

  @Test
  void itStandsByAgainWhenItWasOneTooManyForAMinute() {
    eject("u0");
    returns("u0");
    hand.pass(A_TICK);
    hand.pass(Standbys.LEAST_MS - 1);
    assertEquals("u0:READY u1:READY u2:READY", hand.ids());

    hand.pass(A_TICK);
    hand.pass(A_TICK);
    assertEquals("u0:READY u1:READY u2:WARMING", hand.ids());
    hand.ready("u2");

    assertEquals("u0:READY u1:READY u2:STANDBY", hand.ids());
  }

  @Test
  void itServesForAPodThatIsGoneUntilAnotherOneIsReady() {
    take(serves("b"), SPARE);
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    assertEquals("u1:READY u2:READY", hand.ids());
    hand.pass(Standbys.LEAST_MS);
    hand.pass(Standbys.LEAST_MS);
    assertEquals("u1:READY u2:READY", hand.ids());

    take(serves("b"), serves("c"), SPARE);
    hand.ready("u3");
    itIsOneTooManyForAMinute();

    assertEquals("u1:READY u2:STANDBY u3:READY", hand.ids());
  }

  @Test
  void whatShrankOnPurposeIsMissedForAWhileOnly() {
    take(serves("b"), SPARE);
    hand.pass(ReadyLevel.MISSED_MS);
    hand.pass(A_TICK);
    assertEquals("u1:READY u2:READY", hand.ids());

    hand.pass(Standbys.LEAST_MS);
    hand.pass(A_TICK);
    hand.ready("u2");

    assertEquals("u1:READY u2:STANDBY", hand.ids());
  }

  /** With {@code maxSurge: 1}: a new pod is ready, then an old one ends. */
  @Test
  void anUpdateThatHasOneMoreForAWhilePromotesNobody() {
    hand.pass(Standbys.START_MS);
    take(serves("a"), serves("b"), SPARE, serves("c"));
    hand.ready("u3");
    hand.pass(A_TICK);
    take(ends("a"), serves("b"), SPARE, serves("c"));
    hand.pass(A_TICK);
    take(serves("b"), SPARE, serves("c"), serves("d"));
    hand.ready("u4");
    hand.pass(A_TICK);
    take(ends("b"), SPARE, serves("c"), serves("d"));
    hand.pass(A_TICK);
    take(SPARE, serves("c"), serves("d"));
    for (int i = 0; i < 4; i++) {
      hand.pass(A_TICK);
    }

    assertEquals("u2:STANDBY u3:READY u4:READY", hand.ids());

    eject("u3");
    assertEquals("u2:READY u3:EJECTED u4:READY", hand.ids());
  }

  /** With {@code maxUnavailable: 1}: an old pod ends, then a new one is ready. */
  @Test
  void whoServedDuringAnUpdateStandsByAgainAMinuteAfterIt() {
    hand.pass(Standbys.START_MS);
    take(ends("a"), serves("b"), SPARE, serves("c"));
    hand.pass(A_TICK);
    assertEquals(ReplicaState.READY, hand.replica("u2").state());

    take(serves("b"), SPARE, serves("c"));
    hand.ready("u3");
    itIsOneTooManyForAMinute();

    assertEquals("u1:READY u2:STANDBY u3:READY", hand.ids());
  }

  /** A node is drained: the next pod is ready when it has loaded. */
  @Test
  void aPodThatEndsBeforeAnotherIsReadyIsMissed() {
    hand.pass(Standbys.START_MS);
    take(serves("a"), serves("b"), SPARE, serves("c"));
    hand.ready("u3");
    hand.pass(A_TICK);
    hand.pass(ReadyLevel.SURGE_MS);
    take(ends("a"), serves("b"), SPARE, serves("c"));
    hand.pass(A_TICK);

    assertEquals(ReplicaState.READY, hand.replica("u2").state());
  }

  @Test
  void aPodThatIsLostSoonAfterAnotherCameIsMissed() {
    hand.pass(Standbys.START_MS);
    take(serves("a"), serves("b"), SPARE, serves("c"));
    hand.ready("u3");
    hand.pass(A_TICK);

    eject("u0");

    assertEquals("u0:EJECTED u1:READY u2:READY u3:READY", hand.ids());
  }

  @Test
  void onesThatJoinTakeRequestsWhateverIsReadyAlready() {
    take(serves("a"), serves("b"), SPARE, serves("c"));
    hand.ready("u3");

    assertEquals("u0:READY u1:READY u2:STANDBY u3:READY", hand.ids());
  }

  @Test
  void itServesAloneWhereNoOtherIsFound() {
    take(SPARE);
    hand.pass(ReadyLevel.MISSED_MS);
    hand.pass(ReadyLevel.MISSED_MS);

    assertEquals("u2:READY", hand.ids());
  }

  @Test
  void othersThatAreNeverProvenAreNotWaitedForLong() {
    FleetByHand other = new FleetByHand(List.of(), List.of());
    FleetPlan plan =
        FleetPlan.of(
            FleetByHand.WORKERS, Circuit.Config.DEFAULTS, List.of(), List.of(), Instant.EPOCH);
    FleetChange _ =
        other.fleet().reconfigure(plan.withFound(Set.of("m"), List.of(serves("a"), SPARE)));
    other.pass(A_TICK);
    other.ready("u1");
    other.pass(A_TICK);
    assertEquals("u0:WARMING u1:STANDBY", other.ids());

    other.pass(Standbys.START_MS);

    assertEquals("u0:WARMING u1:READY", other.ids());
  }

  @Test
  void oneThatWasUnreadyStandsByAgain() {
    DiscoveredServer unready =
        FleetByHand.pod("spare", true, new DiscoveredServer.Stay("not ready", null, 0));
    take(serves("a"), serves("b"), unready);
    assertEquals("u0:READY u1:READY u2:CORDONED", hand.ids());

    take(serves("a"), serves("b"), SPARE);
    hand.pass(A_TICK);
    hand.ready("u2");

    assertEquals("u0:READY u1:READY u2:STANDBY", hand.ids());
  }

  @Test
  void aPodThatStandsByNoMoreServes() {
    take(serves("a"), serves("b"), serves("spare"));
    hand.pass(A_TICK);

    assertEquals("u0:READY u1:READY u2:READY", hand.ids());
  }
}

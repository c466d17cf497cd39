package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.drain.Drain;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Who is left out for failing, and who is not while others are missing. */
class OutlierEjectionTest {
  private static final ServedRequest NOBODY = FleetByHand.guest(why -> {});

  /** Why the other one does not serve. */
  enum Missing {
    RESTARTING,
    CORDONED,
    DRAINED,
    EJECTED,
    WEIGHTLESS,
    STOPPED
  }

  private final FleetByHand hand =
      new FleetByHand(List.of(FleetByHand.model("m.gguf", 2, 0)), List.of());
  private final Replica first = hand.ready("w0");
  private final Replica second = hand.ready("w1");

  private void fails(Replica replica) {
    for (int i = 0; i < 8 && replica.state() == ReplicaState.READY; i++) {
      Replica.Ticket ticket = Objects.requireNonNull(replica.open(NOBODY, hand.nowNanos()));
      ticket.close(Drain.Departure.FAILED);
      hand.fleet().outlierEjection().failed(ticket, "a test", hand.nowNanos());
    }
  }

  private void miss(Missing why) {
    switch (why) {
      case RESTARTING -> hand.process("w1").exit(1);
      case CORDONED -> second.tryTransition(ReplicaState.READY, ReplicaState.CORDONED, "a test");
      case DRAINED -> {
        second.tryTransition(ReplicaState.READY, ReplicaState.DRAINING, "a test");
        second.tryTransition(ReplicaState.DRAINING, ReplicaState.DRAINED, "a test");
      }
      case EJECTED -> second.tryTransition(ReplicaState.READY, ReplicaState.EJECTED, "a test");
      case WEIGHTLESS -> second.weight(0);
      case STOPPED -> second.tryTransition(ReplicaState.READY, ReplicaState.STOPPED, "a test");
    }
  }

  @Test
  void oneOfTwoThatServeIsLeftOutForFailing() {
    fails(first);

    assertEquals(ReplicaState.EJECTED, first.state());
  }

  @ParameterizedTest
  @EnumSource(Missing.class)
  void theLastOneThatServesStaysWhateverKeepsTheOtherFromIt(Missing why) {
    miss(why);

    fails(first);

    assertEquals(ReplicaState.READY, first.state());
  }

  @Test
  void oneOnStandbyTakesThePlaceOfWhoIsLeftOut() {
    FleetByHand spare = new FleetByHand(List.of(FleetByHand.model("m.gguf", 1, 1)), List.of());
    Replica ready = spare.ready("w0");
    Replica standby = spare.ready("w1");

    boolean out = spare.fleet().outlierEjection().ejectOneOfHalf(ready, "a test", 0);

    assertEquals(true, out);
    assertEquals(ReplicaState.READY, standby.state());
  }
}

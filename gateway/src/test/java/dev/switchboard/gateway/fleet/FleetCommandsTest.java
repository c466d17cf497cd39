package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** What an operator wants of a replica, and what is remembered of it. */
class FleetCommandsTest {
  private static final long A_TICK = 20;

  private final FleetByHand hand =
      new FleetByHand(List.of(FleetByHand.model("m.gguf", 2, 0)), List.of());
  private final FleetCommands commands = hand.fleet().commands();
  private final Replica replica = hand.ready("w0");

  @Test
  void aSecondCordonIsRefusedAndTheFirstOneRemembered() {
    boolean first = commands.cordon(replica);
    boolean may = commands.mayCordon(replica);
    boolean second = commands.cordon(replica);

    assertTrue(first);
    assertFalse(may);
    assertFalse(second);
    assertTrue(replica.cordoned());
    assertEquals(ReplicaState.CORDONED, replica.state());
  }

  /** As where it becomes ready at this moment, and who proved it sees the wish before the step. */
  @Test
  void oneThatIsKeptAlreadyIsCordonedToo() {
    replica.held("its pod is not ready");
    commands.keepCordoned(replica);
    boolean may = commands.mayCordon(replica);
    boolean done = commands.cordon(replica);
    replica.held(null);

    assertTrue(may);
    assertTrue(done);
    assertTrue(replica.cordoned());
    assertTrue(commands.uncordon(replica));
    assertEquals(ReplicaState.READY, replica.state());
  }

  @Test
  void aResumeThatIsRefusedForgetsNoCordon() {
    boolean _ = commands.cordon(replica);

    assertFalse(commands.resume(replica));
    assertTrue(replica.cordoned());
  }

  @Test
  void oneThatTakesNoRequestsCannotBeCordoned() {
    replica.tryTransition(ReplicaState.READY, ReplicaState.EJECTED, "timeout");

    assertFalse(commands.cordon(replica));
    assertFalse(replica.cordoned());
  }

  /** The fleet's thread empties it at the moment at which an operator does. */
  @Test
  void ofTwoDrainsAtOnceTheOneThatWasFasterEmptiesTheReplica() {
    Replica.Ticket running = Objects.requireNonNull(replica.open(FleetByHand.guest(why -> {}), 1));
    boolean[] operator = {false};
    hand.whenTimeIsAsked(() -> operator[0] = commands.drain(replica, 1000, false));

    boolean fleet = commands.empty(replica, 0, "to stand by", () -> {});
    hand.pass(A_TICK);
    running.close(Drain.Departure.FINISHED);
    hand.pass(A_TICK);

    assertTrue(operator[0]);
    assertFalse(fleet);
    assertEquals(ReplicaState.DRAINED, replica.state());
    Drain.Report report =
        Objects.requireNonNull(replica.drain()).report(replica.inFlight(), hand.nowNanos());
    assertEquals(1, report.finished());
    assertTrue(report.done());
  }
}

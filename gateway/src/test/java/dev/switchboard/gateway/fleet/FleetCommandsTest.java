package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.drain.Drain;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an operator wants of a replica, and what is remembered of it. */
class FleetCommandsTest {
  private static final long A_TICK = 20;

  /** After which a process is started again. */
  private static final long LONG_MS = 60_000;

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

  /** What was wrong with it may be mended long before its wait is over. */
  @Test
  void anEjectedOneThatIsResumedIsProvenWithItsNextSignOfHealth() {
    hand.ready("w1");
    HealthChecks checks = new HealthChecks(hand.fleet(), (asked, address, question) -> {});
    for (int i = 0; i < 8 && replica.state() == ReplicaState.READY; i++) {
      Replica.Ticket request =
          Objects.requireNonNull(replica.open(FleetByHand.guest(why -> {}), hand.nowNanos()));
      request.close(Drain.Departure.FAILED);
      hand.fleet().outlierEjection().failed(request, "a test", hand.nowNanos());
    }
    checks.answers(replica, hand.nowNanos());
    ReplicaState waits = replica.state();

    boolean resumed = commands.resume(replica);
    ReplicaState unheard = replica.state();
    checks.answers(replica, hand.nowNanos());

    assertEquals(ReplicaState.EJECTED, waits);
    assertTrue(resumed);
    assertEquals(ReplicaState.EJECTED, unheard);
    assertEquals(ReplicaState.WARMING, replica.state());
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

  @Test
  void oneThatIsToStopAndWhoseProcessEndsBeforeItIsEmptyIsStoppedUntilAResume() {
    Replica.Ticket running = Objects.requireNonNull(replica.open(FleetByHand.guest(why -> {}), 1));

    boolean begun = commands.drain(replica, 1000, true);
    hand.process("w0").exit(1);
    running.close(Drain.Departure.FAILED);
    hand.pass(LONG_MS);
    ReplicaState after = replica.state();
    boolean resumed = commands.resume(replica);
    hand.ready("w0");

    assertTrue(begun);
    assertEquals(ReplicaState.STOPPED, after);
    assertEquals(1, Objects.requireNonNull(replica.lastExit()).status());
    assertTrue(resumed);
    assertEquals(ReplicaState.READY, replica.state());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aDrainedOneWhoseProcessEndsIsDrainedAgainUntilAResume(boolean empty) {
    Replica.Ticket running = Objects.requireNonNull(replica.open(FleetByHand.guest(why -> {}), 1));
    boolean _ = commands.drain(replica, 1000, false);
    if (empty) {
      running.close(Drain.Departure.FINISHED);
      hand.pass(A_TICK);
    }
    ReplicaState before = replica.state();

    hand.process("w0").exit(1);
    running.close(Drain.Departure.FAILED);
    hand.pass(LONG_MS);
    ReplicaState starting = replica.state();
    long returns = replica.returnsNanos(starting);
    hand.ready("w0");
    ReplicaState again = replica.state();
    boolean resumed = commands.resume(replica);
    hand.ready("w0");

    assertEquals(empty ? ReplicaState.DRAINED : ReplicaState.DRAINING, before);
    assertEquals(ReplicaState.STARTING, starting);
    assertEquals(Long.MAX_VALUE, returns);
    assertEquals(ReplicaState.DRAINED, again);
    assertTrue(resumed);
    assertEquals(ReplicaState.READY, replica.state());
    hand.process("w0").exit(1);
    hand.pass(LONG_MS);
    assertEquals(ReplicaState.READY, hand.ready("w0").state());
  }

  @Test
  void aDrainIsTakenBackWhileTheProcessStartsAgain() {
    boolean _ = commands.drain(replica, 0, false);
    hand.process("w0").exit(1);
    hand.pass(LONG_MS);

    boolean emptied = replica.emptied();
    boolean resumed = commands.resume(replica);
    boolean twice = commands.resume(replica);

    assertTrue(emptied);
    assertTrue(resumed);
    assertFalse(twice);
    assertEquals(ReplicaState.READY, hand.ready("w0").state());
  }

  @Test
  void aRestartOfAllLeavesAStoppedOneAndDrainsADrainedOneAgain() {
    hand.ready("w1");
    boolean _ = commands.drain(replica, 0, false);
    boolean _ = commands.drain(hand.replica("w1"), 0, true);
    hand.pass(A_TICK);
    hand.process("w1").exit(0);
    FleetByHand.Started stopped = hand.process("w1");
    String before = hand.ids();

    RollingRestart all = Objects.requireNonNull(hand.fleet().restarts().all(null, 0));
    hand.pass(A_TICK);
    boolean asked = hand.process("w0").asked;
    hand.process("w0").exit(0);
    hand.ready("w0");
    for (int i = 0; i < 4; i++) {
      hand.pass(A_TICK);
    }

    assertEquals("w0:DRAINED w1:STOPPED", before);
    assertTrue(asked);
    assertEquals("w0:DRAINED w1:STOPPED", hand.ids());
    assertSame(stopped, hand.process("w1"));
    assertEquals(
        List.of(RollingRestart.Step.DONE, RollingRestart.Step.SKIPPED),
        all.report().rows().stream().map(RollingRestart.Row::step).toList());
    assertTrue(all.report().done());
    assertFalse(all.report().failed());
  }

  @Test
  void aRestartOfAllPassesByOneThatAnOperatorEmpties() {
    hand.ready("w1");
    Replica.Ticket running = Objects.requireNonNull(replica.open(FleetByHand.guest(why -> {}), 1));
    boolean _ = commands.drain(replica, 1000, false);

    RollingRestart all = Objects.requireNonNull(hand.fleet().restarts().all(null, 0));
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    hand.process("w1").exit(0);
    hand.ready("w1");
    hand.pass(A_TICK);
    hand.pass(A_TICK);
    running.close(Drain.Departure.FINISHED);
    hand.pass(A_TICK);

    assertEquals("w0:DRAINED w1:READY", hand.ids());
    assertTrue(all.report().done());
    assertFalse(all.report().failed());
  }

  @Test
  void aRestartByNameStartsAStoppedOneAndDrainsADrainedOneAgain() {
    boolean _ = commands.drain(replica, 0, false);
    boolean drained = commands.restart(replica, 0);
    hand.process("w0").exit(0);
    hand.ready("w0");
    ReplicaState again = replica.state();
    boolean _ = commands.resume(replica);
    hand.ready("w0");
    boolean _ = commands.drain(replica, 0, true);
    hand.process("w0").exit(0);
    ReplicaState stopped = replica.state();
    boolean started = commands.restart(replica, 0);
    hand.ready("w0");

    assertTrue(drained);
    assertEquals(ReplicaState.DRAINED, again);
    assertEquals(ReplicaState.STOPPED, stopped);
    assertTrue(started);
    assertEquals(ReplicaState.READY, replica.state());
  }
}

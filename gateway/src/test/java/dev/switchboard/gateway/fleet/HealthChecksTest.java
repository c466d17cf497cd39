package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** What workers' silence means, by a clock of the test's own. */
class HealthChecksTest {
  private static final int PATIENCE_MS = 1500;

  private final FleetByHand hand =
      new FleetByHand(List.of(FleetByHand.model("m.gguf", 2, 0)), List.of());
  private final Replica first = hand.ready("w0");
  private final Replica second = hand.ready("w1");
  private final List<Replica> silent = new ArrayList<>();
  private final List<Replica> owing = new ArrayList<>();
  private final HealthChecks healthChecks =
      new HealthChecks(hand.fleet(), (asked, address, question) -> hears(asked));

  private void hears(Replica asked) {
    if (silent.contains(asked)) {
      owing.add(asked);
    } else {
      healthChecks.reported(asked, ReplicaReport.NONE, hand.nowNanos());
    }
  }

  private void falls(Replica replica) {
    silent.add(replica);
  }

  /** It answers what it owes, too. */
  private void speaks(Replica replica) {
    silent.remove(replica);
    if (owing.remove(replica)) {
      hears(replica);
    }
  }

  private void pass(int millis) {
    for (int at = 0; at < millis; at += 100) {
      hand.pass(100);
      healthChecks.turn(hand.nowNanos());
    }
  }

  private List<ReplicaState> states() {
    return List.of(first.state(), second.state());
  }

  @Test
  void manyArePolledAtMomentsOfTheirOwn() {
    FleetByHand many = new FleetByHand(List.of(FleetByHand.model("m.gguf", 40, 0)), List.of());
    for (int i = 0; i < 40; i++) {
      Replica _ = many.ready("w" + i);
    }
    Map<String, Integer> asked = new HashMap<>();
    AtomicReference<HealthChecks> answered = new AtomicReference<>();
    HealthChecks polls =
        new HealthChecks(
            many.fleet(),
            (replica, address, question) -> {
              asked.merge(replica.id(), 1, Integer::sum);
              Objects.requireNonNull(answered.get())
                  .reported(replica, ReplicaReport.NONE, many.nowNanos());
            });
    answered.set(polls);
    List<Integer> ofTurns = new ArrayList<>();
    for (int turn = 0; turn < 30; turn++) {
      int before = asked.values().stream().mapToInt(Integer::intValue).sum();
      polls.turn(many.nowNanos());
      ofTurns.add(asked.values().stream().mapToInt(Integer::intValue).sum() - before);
      many.pass(100);
    }

    assertEquals(40, ofTurns.getFirst());
    int each = (int) (40 * 100 / FleetByHand.WORKERS.statePollMs());
    assertEquals(Collections.nCopies(20, each), ofTurns.subList(10, 30));
  }

  @Test
  void whoseFailureCannotBeSaidIsAskedAgain() {
    List<Replica> asked = new ArrayList<>();
    HealthChecks asking =
        new HealthChecks(hand.fleet(), (replica, address, question) -> asked.add(replica));
    asking.turn(hand.nowNanos());
    int once = asked.size();

    for (Replica replica : List.copyOf(asked)) {
      assertThrows(
          IllegalStateException.class,
          () ->
              asking.failed(
                  replica,
                  HealthChecks.Question.STATE,
                  HealthChecks.Failure.BAD_ANSWER,
                  HealthChecksTest::noWords));
    }
    hand.pass(1000);
    asking.turn(hand.nowNanos());

    assertTrue(once > 0);
    assertEquals(2 * once, asked.size());
  }

  @Test
  void theOnlyServerLeavesWhenItIsCertainThatItCannotServeAndNotWhenItIsSlow() {
    FleetByHand own =
        new FleetByHand(
            List.of(),
            List.of(UpstreamSpec.of(URI.create("http://10.0.0.1:1"), List.of("m"), null, null)));
    Replica server = own.ready("u0");
    HealthChecks checks = new HealthChecks(own.fleet(), (replica, address, question) -> {});

    for (int i = 0; i < FleetByHand.WORKERS.ejectAfter(); i++) {
      checks.failed(
          server, HealthChecks.Question.STATE, HealthChecks.Failure.SILENCE, () -> "timeout");
    }
    ReplicaState slow = server.state();
    for (int i = 0; i < FleetByHand.WORKERS.ejectAfter(); i++) {
      checks.failed(
          server,
          HealthChecks.Question.STATE,
          HealthChecks.Failure.CERTAIN,
          () -> "does not list m");
    }

    assertEquals(ReplicaState.READY, slow);
    assertEquals(ReplicaState.EJECTED, server.state());
    assertEquals("does not list m", server.reason());
  }

  private static String noWords() {
    throw new IllegalStateException("no words");
  }

  @Test
  void whereOneOfTwoSaysNothingItIsLeft() {
    pass(1000);
    falls(first);
    pass(PATIENCE_MS - 100);
    List<ReplicaState> before = states();
    pass(1000);

    assertEquals(List.of(ReplicaState.READY, ReplicaState.READY), before);
    assertEquals(List.of(ReplicaState.EJECTED, ReplicaState.READY), states());
  }

  @Test
  void whereBothSayNothingTheyStayThoughOneIsEarlierThanTheOther() {
    pass(1000);
    falls(first);
    pass(PATIENCE_MS / 3);
    falls(second);
    pass(2 * PATIENCE_MS);
    List<ReplicaState> together = states();
    speaks(first);
    speaks(second);
    pass(1000);
    List<ReplicaState> again = states();
    falls(second);
    pass(PATIENCE_MS + 1000);

    assertEquals(List.of(ReplicaState.READY, ReplicaState.READY), together);
    assertEquals(together, again);
    assertEquals(List.of(ReplicaState.READY, ReplicaState.EJECTED), states());
  }

  @Test
  void whereBothSayNothingForLongBothAreLeft() {
    pass(1000);
    falls(first);
    falls(second);
    pass(UnresponsiveCheck.LONG * PATIENCE_MS + 1000);

    assertEquals(List.of(ReplicaState.EJECTED, ReplicaState.EJECTED), states());
  }

  /** Each question is given up before the patience ends, and the next one is asked. */
  @Test
  void silenceCountsFromTheFirstQuestionThatGotNothing() {
    assertEquals(
        List.of(ServedRequest.Leave.SILENT),
        toldWhile(HealthChecks.Failure.SILENCE, PATIENCE_MS + 500));
    assertEquals(List.of(ReplicaState.EJECTED, ReplicaState.READY), states());
  }

  @Test
  void whoAnswersBadlyIsNotSilent() {
    assertEquals(List.of(), toldWhile(HealthChecks.Failure.BAD_ANSWER, 3 * PATIENCE_MS));
  }

  /** What a request at the first is told while questions to it fail so, each after 600 ms. */
  private List<ServedRequest.Leave> toldWhile(HealthChecks.Failure failure, int millis) {
    List<ServedRequest.Leave> told = new ArrayList<>();
    Replica.Ticket _ = Objects.requireNonNull(first.open(FleetByHand.guest(told::add), 0));
    pass(1000);
    falls(first);
    for (int at = 0; at < millis; at += 600) {
      pass(600);
      if (owing.remove(first)) {
        healthChecks.failed(first, HealthChecks.Question.STATE, failure, () -> "not well");
      }
    }
    return told;
  }
}

package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.edge.Edges;
import dev.switchboard.gateway.fleet.FleetByHand;
import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.HedgeResult;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.HedgePolicy;
import dev.switchboard.gateway.routing.Prediction;
import dev.switchboard.gateway.routing.Rates;
import dev.switchboard.gateway.routing.ReplicaView;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.upstream.RetryBudget;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class HedgeWatchTest {
  private static final double TTFT_P90_MS = 200.25;

  /** Twice what nine of ten stay below, in whole milliseconds. */
  private static final int LATE_MS = 401;

  private static final int ATTEMPTS = 3;
  private static final long EXPERIENCE = 16;

  private final CallByHand hand =
      new CallByHand(
          new FleetByHand(
              List.of(), List.of(FleetByHand.server(1, "m"), FleetByHand.server(2, "m"))),
          new RetryBudget.Config(ATTEMPTS, 0, 1, new HedgePolicy(List.of("*"), 2, 50)),
          new Edges(List.of(), (name, reason) -> {}));
  private final ClientAnswer answer =
      new ClientAnswer(
          hand.call,
          new DeadlineTimer(
              hand.time, DeadlinesConfig.DEFAULTS, 1000, hand.call.flight(), missed -> {}),
          (outcome, failure) -> {});
  private final List<String> sent = new ArrayList<>();
  private final String first = hand.fleet.fleet().replicas().getFirst().id();
  private final String second = hand.fleet.fleet().replicas().getLast().id();
  private final HedgeWatch watch;

  HedgeWatchTest() {
    hand.streams(true);
    ready(first);
    ready(second);
    watch = new HedgeWatch(hand.call, Slo.NONE, hand.choice("m"), answer, found -> sent(found));
  }

  private void ready(String replica) {
    hand.fleet.ready(replica);
    hand.call.gateway().admission().queue("m").replica(replica, true, hand.time.nanos());
  }

  private @Nullable HedgeResult sent(Decision found) {
    sent.add(Objects.requireNonNull(found.chosen()));
    return null;
  }

  /** That chose the first replica, of which so many first tokens are known. */
  private Decision decision(long samples) {
    Rates rates = new Rates(10, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0.1, 0.1, 16, 0, samples);
    ReplicaView view =
        ReplicaView.of(first, "m").withOwn(new Workload.Snapshot(0, 0, 0, 0, 0, 0, 1, rates));
    Prediction prediction = new Prediction(100, TTFT_P90_MS, 5, 5, 16);
    return Decision.of(
        "x", "m", first, List.of(new Decision.Candidate(view, null, 0, prediction, 0)));
  }

  private Attempt attempt(int number) {
    return hand.attempt(number, hand.fleet.replica(first), decision(EXPERIENCE));
  }

  private Attempt watched() {
    Attempt begun = attempt(1);
    watch.watch(begun, decision(EXPERIENCE));
    return begun;
  }

  private double refusals(HedgeResult why) {
    return hand.metrics.registry().scrape().stream()
        .filter(one -> one.getMetadata().getName().equals("switchboard_hedges"))
        .flatMap(one -> ((CounterSnapshot) one).getDataPoints().stream())
        .filter(point -> why.label().equals(point.getLabels().get("result")))
        .mapToDouble(CounterSnapshot.CounterDataPointSnapshot::getValue)
        .sum();
  }

  @Test
  void aFirstTokenThatIsLateIsAskedOfAnotherReplicaOnce() {
    watched();
    hand.time.advance(LATE_MS - 1);
    assertEquals(List.of(), sent);

    hand.time.advance(1);
    assertEquals(List.of(second), sent);

    watched();
    assertEquals(0, hand.time.waiting());
    hand.time.advance(10 * LATE_MS);
    assertEquals(List.of(second), sent);
  }

  @Test
  void aFirstTokenInTimeIsAskedOfNobodyElse() {
    watched();
    hand.time.advance(LATE_MS - 1);
    hand.call.flight().content();

    hand.time.advance(LATE_MS);

    assertEquals(List.of(), sent);
  }

  @Test
  void anAttemptThatIsOverIsNotLate() {
    Attempt begun = watched();
    begun.end("it broke", AttemptResult.FAILED, false);

    hand.time.advance(LATE_MS);

    assertEquals(List.of(), sent);
  }

  @Test
  void whoIsWatchedNoMoreIsNotLate() {
    watched();

    watch.cancel();
    hand.time.advance(LATE_MS);

    assertEquals(List.of(), sent);
    assertEquals(0, hand.time.waiting());
  }

  @Test
  void theLastOfTwoAttemptsIsWatched() {
    watched();
    hand.time.advance(LATE_MS - 1);
    watch.watch(attempt(2), decision(EXPERIENCE));

    hand.time.advance(LATE_MS - 1);
    assertEquals(List.of(), sent);

    hand.time.advance(1);
    assertEquals(List.of(second), sent);
  }

  @Test
  void whatHasNoFirstTokenOrNoAttemptLeftOrIsNotKnownIsNotWatched() {
    watch.watch(attempt(1), decision(EXPERIENCE - 1));
    assertEquals(0, hand.time.waiting());

    watch.watch(attempt(ATTEMPTS), decision(EXPERIENCE));
    assertEquals(0, hand.time.waiting());

    watch.watch(attempt(1), Decision.of("x", "m", null, List.of()));
    assertEquals(0, hand.time.waiting());

    Attempt over = attempt(1);
    over.end("it broke", AttemptResult.FAILED, false);
    watch.watch(over, decision(EXPERIENCE));
    assertEquals(0, hand.time.waiting());

    hand.streams(false);
    watch.watch(attempt(1), decision(EXPERIENCE));
    assertEquals(0, hand.time.waiting());
  }

  @Test
  void withoutAnotherReplicaItIsSaidWhy() {
    hand.fleet.failUntilEjected(hand.fleet.replica(second));
    watched();

    hand.time.advance(LATE_MS);

    assertEquals(List.of(), sent);
    assertEquals(1, refusals(HedgeResult.NO_REPLICA));
  }

  @Test
  void withoutABudgetItIsSaidWhy() {
    hand.call.gateway().retries().spend("m");
    watched();

    hand.time.advance(LATE_MS);

    assertEquals(List.of(), sent);
    assertEquals(1, refusals(HedgeResult.NO_BUDGET));
  }
}

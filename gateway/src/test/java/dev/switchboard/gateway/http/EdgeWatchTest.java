package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.edge.EdgeConfig;
import dev.switchboard.gateway.edge.EdgeReason;
import dev.switchboard.gateway.edge.Edges;
import dev.switchboard.gateway.fleet.FleetByHand;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.upstream.RetryBudget;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EdgeWatchTest {
  private static final int LATE_MS = 1000;
  private static final int ANSWER_LATE_MS = 10_000;

  private final List<String> switches = new ArrayList<>();
  private final Edges edges =
      new Edges(
          List.of(new EdgeConfig("m", "local", LATE_MS, ANSWER_LATE_MS, 1, 1, null, null, null)),
          (name, reason) -> switches.add(name + " " + label(reason)));
  private final CallByHand hand =
      new CallByHand(
          new FleetByHand(
              List.of(), List.of(FleetByHand.server(1, "region"), FleetByHand.server(2, "local"))),
          RetryBudget.Config.DEFAULTS,
          edges);
  private final EdgeWatch watch =
      new EdgeWatch(hand.call, Objects.requireNonNull(edges.of("m")), "region");
  private final List<Attempt> late = new ArrayList<>();

  private static String label(@Nullable EdgeReason reason) {
    return reason == null ? "region" : reason.label();
  }

  private Attempt attempt(String model) {
    for (Replica each : hand.fleet.fleet().replicas()) {
      if (each.model().equals(model)) {
        Replica ready = hand.fleet.ready(each.id());
        return hand.attempt(1, ready, Decision.of("x", model, ready.id(), List.of()));
      }
    }
    throw new AssertionError(model);
  }

  @ParameterizedTest
  @CsvSource({
    "true, 0, 1000",
    "true, 400, 600",
    "true, 1000, 1",
    "true, 5000, 1",
    "false, 0, 10000",
    "false, 400, 9600"
  })
  void theRegionIsLateBySoMuchSinceTheRequestCame(boolean streams, long beforeMs, long waitMs) {
    hand.streams(streams);
    hand.time.advance(beforeMs);
    Attempt attempt = attempt("region");
    watch.watch(attempt, late::add);

    hand.time.advance(waitMs - 1);
    assertEquals(List.of(), late);

    hand.time.advance(1);
    assertEquals(List.of(attempt), late);
    hand.time.advance(ANSWER_LATE_MS);
    assertEquals(1, late.size());
  }

  @Test
  void theLocalModelIsNotWatched() {
    watch.watch(attempt("local"), late::add);

    assertEquals(0, hand.time.waiting());
  }

  @Test
  void ofTwoAttemptsInTheRegionTheLastIsWatched() {
    hand.streams(true);
    Attempt first = attempt("region");
    watch.watch(first, late::add);
    hand.time.advance(10);
    Attempt second = attempt("region");
    watch.watch(second, late::add);

    hand.time.advance(LATE_MS);

    assertEquals(List.of(second), late);
  }

  @Test
  void aRegionThatSpeaksInTimeIsNeverLate() {
    hand.streams(true);
    Attempt attempt = attempt("region");
    watch.watch(attempt, late::add);
    hand.time.advance(LATE_MS - 1);

    watch.speaks(attempt);
    hand.time.advance(ANSWER_LATE_MS);
    watch.late();
    watch.watch(attempt, late::add);

    assertEquals(List.of(), late);
    assertEquals(List.of(), switches);
    assertEquals(0, hand.time.waiting());
  }

  @Test
  void whatTheLocalModelSaysDoesNotEndTheWatchOfTheRegionWell() {
    hand.streams(true);
    watch.watch(attempt("region"), late::add);

    watch.speaks(attempt("local"));
    watch.late();

    assertEquals(List.of("m late"), switches);
  }

  @Test
  void aRegionThatFailsIsNotWaitedForAndTheLinkHearsOnce() {
    hand.streams(true);
    Attempt attempt = attempt("region");
    watch.watch(attempt, late::add);

    assertEquals(true, watch.failed(attempt));
    watch.late();
    hand.time.advance(LATE_MS);

    assertEquals(List.of(), late);
    assertEquals(List.of("m unreachable"), switches);
    assertEquals(false, watch.failed(attempt("local")));
  }

  @Test
  void aRequestThatIsOverIsNotWatched() {
    hand.streams(true);
    watch.watch(attempt("region"), late::add);

    watch.ended(null);
    hand.time.advance(LATE_MS);

    assertEquals(List.of(), late);
    assertEquals(0, hand.time.waiting());
  }
}

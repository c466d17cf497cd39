package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.edge.Edges;
import dev.switchboard.gateway.fleet.FleetByHand;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.upstream.RetryBudget;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PoisonCheckTest {
  /** A connection ends so much before the exit of its process is known, at most. */
  private static final int NEWS_MS = 250;

  private static final int POLL_MS = 10;

  private final CallByHand hand =
      new CallByHand(
          new FleetByHand(List.of(FleetByHand.model("m.gguf", 2, 0)), List.of()),
          RetryBudget.Config.DEFAULTS,
          new Edges(List.of(), (name, reason) -> {}));
  private final PoisonCheck check =
      new PoisonCheck(
          hand.call,
          new ClientQuarantine.Client("m", "t", "c"),
          Buffer.buffer("{\"model\":\"m\"}"));
  private final List<Boolean> verdicts = new ArrayList<>();

  @BeforeEach
  void ready() {
    hand.fleet.ready("w0");
    hand.fleet.ready("w1");
  }

  private void breaksAt(String worker) {
    Attempt attempt =
        hand.attempt(1, hand.fleet.replica(worker), Decision.of("x", "m", worker, List.of()));
    check.broke(attempt, MoveCause.BROKEN, verdicts::add);
  }

  @Test
  void theFirstWorkerThatDiesOfItSaysNothing() {
    breaksAt("w0");
    hand.fleet.dies("w0");

    assertEquals(List.of(false), verdicts);
  }

  @Test
  void theDeathOfTheSecondIsAwaitedForAMoment() {
    breaksAt("w0");
    hand.fleet.dies("w0");
    breaksAt("w1");
    hand.time.advance(NEWS_MS - POLL_MS);
    assertEquals(List.of(false), verdicts);

    hand.fleet.dies("w1");
    hand.time.advance(POLL_MS);

    assertEquals(List.of(false, true), verdicts);
  }

  @Test
  void aSecondOneThatLivesLetsItGoOn() {
    breaksAt("w0");
    hand.fleet.dies("w0");
    breaksAt("w1");
    hand.time.advance(NEWS_MS - 1);
    assertEquals(List.of(false), verdicts);

    hand.time.advance(1);

    assertEquals(List.of(false, false), verdicts);
  }

  @Test
  void whereNoneHasDiedNobodyWaitsForTheSecond() {
    breaksAt("w0");
    breaksAt("w1");

    assertEquals(List.of(false, false), verdicts);
  }
}

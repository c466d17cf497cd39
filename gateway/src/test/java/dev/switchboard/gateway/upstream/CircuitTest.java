package dev.switchboard.gateway.upstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.upstream.Circuit.Call;
import dev.switchboard.gateway.upstream.Circuit.FirstToken;
import dev.switchboard.gateway.upstream.Circuit.State;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CircuitTest {
  private static final long MS = 1_000_000;
  private static final Circuit.Config CONFIG = new Circuit.Config(3, 0.5, 10, 1000, 10, 1000, 3000);

  private final Circuit circuit = new Circuit(CONFIG);
  private long now = 1_000_000 * MS;

  @Test
  void failuresInARowOpenIt() {
    assertFalse(failed());
    served(1);
    assertFalse(failed());
    assertFalse(failed());

    assertTrue(failed());
  }

  @Test
  void whatBeganBeforeTheFailuresDoesNotInterruptThem() {
    Call[] before = {entered(), entered(), entered()};

    boolean open = false;
    for (Call call : before) {
      assertFalse(open);
      open = failed();
      circuit.served(call, null, now);
    }

    assertTrue(open);
  }

  @Test
  void aGoodAnswerBetweenTwoFailuresPartsThemWhenItIsKnownAndBefore() {
    Call first = entered();
    Call running = entered();
    Call second = entered();
    Call third = entered();

    boolean beforeItEnded = circuit.failed(first, now) || circuit.failed(second, now);
    beforeItEnded |= circuit.failed(third, now);
    circuit.served(running, null, now);
    boolean fourth = failed();

    assertFalse(beforeItEnded);
    assertTrue(fourth);
  }

  @Test
  void whatSaysNothingDoesNotPartFailures() {
    Call abandoned = entered();
    assertFalse(failed());
    Call cancelled = entered();
    assertFalse(failed());
    circuit.left(cancelled);
    circuit.left(abandoned);

    assertTrue(failed());
  }

  @Test
  void whatBeganBeforeItOpenedNeitherClosesItNorEndsItsProbe() {
    Call[] before = {entered(), entered(), entered()};
    circuit.open(now, 0);
    circuit.returned();
    Call probe = entered();

    circuit.served(before[0], null, now);
    circuit.left(before[1]);
    boolean opens = circuit.failed(before[2], now);
    State then = circuit.state();
    boolean another = circuit.admits();
    circuit.served(probe, null, now);

    assertFalse(opens || another);
    assertEquals(State.HALF_OPEN, then);
    assertEquals(State.CLOSED, circuit.state());
  }

  @Test
  void aShareOfFailuresInTheWindowOpensItOnceThereAreEnoughRequests() {
    boolean open = false;
    for (int i = 0; i < 4; i++) {
      served(1);
      open |= failed();
      open |= failed();
      assertFalse(open && i < 3);
    }

    assertTrue(open);
  }

  @Test
  void whatIsOlderThanTheWindowDoesNotCount() {
    for (int i = 0; i < 4; i++) {
      failed();
      served(1);
    }
    now += 1100 * MS;
    for (int i = 0; i < 8; i++) {
      served(1);
    }

    assertFalse(failed());
  }

  @Test
  void afterTheBackoffOneRequestProbesAndClosesIt() {
    circuit.open(now, 0);
    boolean whileOpen = circuit.enter() != null;
    boolean early = circuit.mayReturn(now + 999 * MS);
    boolean late = circuit.mayReturn(now + 1000 * MS);
    circuit.returned();

    Call first = entered();
    boolean second = circuit.enter() != null;
    circuit.served(first, null, now + 1001 * MS);

    assertFalse(whileOpen || early || second);
    assertTrue(late);
    assertEquals(State.CLOSED, circuit.state());
    assertNotNull(circuit.enter());
    assertNotNull(circuit.enter());
  }

  @Test
  void aProbeThatSaysNothingGivesItsPlaceBack() {
    circuit.open(now, 0);
    circuit.returned();
    Call probe = entered();

    circuit.left(probe);

    assertTrue(circuit.admits());
    assertEquals(State.HALF_OPEN, circuit.state());
  }

  @Test
  void aFailedProbeDoublesTheBackoffUpToItsBoundAndJitterAddsToIt() {
    long[] waits = new long[4];
    for (int i = 0; i < waits.length; i++) {
      circuit.open(now, 0);
      waits[i] = 0;
      while (!circuit.mayReturn(now + waits[i] * MS)) {
        waits[i] += 100;
      }
      now += waits[i] * MS;
      circuit.returned();
      assertTrue(failed());
    }
    circuit.open(now, 1);

    assertEquals("[1000, 2000, 3000, 3000]", java.util.Arrays.toString(waits));
    assertFalse(circuit.mayReturn(now + 4499 * MS));
    assertTrue(circuit.mayReturn(now + 4500 * MS));
  }

  @Test
  void aCircuitThatStayedClosedForLongBeginsWithTheFirstBackoff() {
    circuit.open(now, 0);
    now += 1000 * MS;
    circuit.returned();
    served(1);
    now += 10_000 * MS;

    circuit.open(now, 0);

    assertTrue(circuit.mayReturn(now + 1000 * MS));
  }

  @Test
  void latencyIsKnownOnceThereAreEnoughAnswers() {
    for (int i = 0; i < 9; i++) {
      served(20);
    }
    FirstToken early = circuit.latency();
    served(20);

    assertNull(early);
    assertEquals(new FirstToken(20, 10), circuit.latency());
  }

  /** The median of the others takes 10 ms under such a load. */
  @ParameterizedTest
  @CsvSource({"101, 10, true", "99, 10, false", "1000, 0, false"})
  void aReplicaIsSlowBesideTheMedianOfItsPeers(double own, double factor, boolean slow) {
    List<FirstToken> peers =
        List.of(new FirstToken(10, 5), new FirstToken(1, 5), new FirstToken(500, 5));

    assertEquals(slow, Circuit.slow(new FirstToken(own, 5), peers, factor));
    assertFalse(Circuit.slow(new FirstToken(own, 5), List.of(), factor));
  }

  @Test
  void whoHasMuchToDoIsNoOutlierBesideIdlePeers() {
    List<FirstToken> idle = List.of(new FirstToken(60, 55), new FirstToken(50, 55));

    assertFalse(Circuit.slow(new FirstToken(1200, 1000), idle, 10));
    assertTrue(Circuit.slow(new FirstToken(1200, 55), idle, 10));
  }

  @ParameterizedTest
  @CsvSource({"50.4, false", "50.6, true"})
  void aPauseThatNobodyMindsMakesNoReplicaSlow(double own, boolean slow) {
    FirstToken peer = new FirstToken(0.5, 1);

    assertEquals(slow, Circuit.slow(new FirstToken(own, 1), List.of(peer), 10));
  }

  private Call entered() {
    return Objects.requireNonNull(circuit.enter());
  }

  private void served(double firstTokenMs) {
    circuit.served(entered(), new FirstToken(firstTokenMs, 10), now);
  }

  private boolean failed() {
    return circuit.failed(entered(), now);
  }

  @Test
  void valuesOutOfRangeAreRefusedByName() {
    Exception refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> new Circuit.Config(5, 2, 10, 1000, 10, 1000, 3000));

    assertTrue(String.valueOf(refused.getMessage()).startsWith("error-rate"));
  }
}

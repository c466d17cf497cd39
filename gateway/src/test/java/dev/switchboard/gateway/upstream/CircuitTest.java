package dev.switchboard.gateway.upstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.upstream.Circuit.State;
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
    assertFalse(circuit.failed(now));
    circuit.served(1, now);
    assertFalse(circuit.failed(now));
    assertFalse(circuit.failed(now));

    assertTrue(circuit.failed(now));
  }

  @Test
  void aShareOfFailuresInTheWindowOpensItOnceThereAreEnoughRequests() {
    boolean open = false;
    for (int i = 0; i < 4; i++) {
      circuit.served(1, now);
      open |= circuit.failed(now);
      open |= circuit.failed(now);
      assertFalse(open && i < 3);
    }

    assertTrue(open);
  }

  @Test
  void whatIsOlderThanTheWindowDoesNotCount() {
    for (int i = 0; i < 4; i++) {
      circuit.failed(now);
      circuit.served(1, now);
    }
    now += 1100 * MS;
    for (int i = 0; i < 8; i++) {
      circuit.served(1, now);
    }

    assertFalse(circuit.failed(now));
  }

  @Test
  void afterTheBackoffOneRequestProbesAndClosesIt() {
    circuit.open(now, 0);
    boolean whileOpen = circuit.enter();
    boolean early = circuit.mayReturn(now + 999 * MS);
    boolean late = circuit.mayReturn(now + 1000 * MS);
    circuit.returned();

    boolean first = circuit.enter();
    boolean second = circuit.enter();
    circuit.served(1, now + 1001 * MS);

    assertFalse(whileOpen || early || second);
    assertTrue(late && first);
    assertEquals(State.CLOSED, circuit.state());
    assertTrue(circuit.enter());
    assertTrue(circuit.enter());
  }

  @Test
  void aProbeThatSaysNothingGivesItsPlaceBack() {
    circuit.open(now, 0);
    circuit.returned();
    circuit.enter();

    circuit.left();

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
      circuit.enter();
      assertTrue(circuit.failed(now));
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
    circuit.served(1, now);
    now += 10_000 * MS;

    circuit.open(now, 0);

    assertTrue(circuit.mayReturn(now + 1000 * MS));
  }

  @Test
  void latencyIsKnownOnceThereAreEnoughAnswers() {
    for (int i = 0; i < 9; i++) {
      circuit.served(20, now);
    }
    double early = circuit.latencyMs();
    circuit.served(20, now);

    assertTrue(Double.isNaN(early));
    assertEquals(20, circuit.latencyMs(), 1e-9);
  }

  @ParameterizedTest
  @CsvSource({"101, 10, true", "99, 10, false", "1000, 0, false"})
  void aReplicaIsSlowBesideTheMedianOfItsPeers(double own, double factor, boolean slow) {
    double[] peers = {Double.NaN, 10, 1, 500};

    assertEquals(slow, Circuit.slow(own, peers, factor));
    assertFalse(Circuit.slow(own, new double[] {Double.NaN}, factor));
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

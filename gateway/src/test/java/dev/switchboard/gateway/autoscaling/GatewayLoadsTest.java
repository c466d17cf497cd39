package dev.switchboard.gateway.autoscaling;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class GatewayLoadsTest {
  private static final String LOADS = "{\"m\":{\"r\":3}}";

  private final AtomicLong clock = new AtomicLong(1_000_000);
  private final GatewayLoads loads = new GatewayLoads("self", clock::get);

  private void hear(String... others) {
    for (String other : others) {
      loads.heard(other, clock.get(), LOADS);
    }
  }

  private Set<String> counted() {
    return loads.others("m").keySet();
  }

  @Test
  void whoHasTakenItsWordBackCountsNoLonger() {
    hear("leaves", "stays");

    loads.present(Set.of("self", "stays"));

    assertEquals(Set.of("stays"), counted());
  }

  /** A killed gateway's last word is still read. */
  @Test
  void whoseWordStaysAsItWasCountsForAWhile() {
    hear("killed");
    long said = clock.get();
    clock.addAndGet(5 * GatewayLoads.TELL_MS);
    loads.heard("killed", said, LOADS);
    loads.present(Set.of("self", "killed"));
    Set<String> atTheEnd = counted();
    clock.addAndGet(1);

    assertEquals(Set.of("killed"), atTheEnd);
    assertEquals(Set.of(), counted());
  }

  /** Its word stands there for an hour, and is read every two seconds. */
  @Test
  void whoseWordStaysAsItWasIsNotCountedAnew() {
    hear("killed");
    long said = clock.get();
    for (int i = 0; i < 20; i++) {
      clock.addAndGet(GatewayLoads.TELL_MS);
      loads.heard("killed", said, LOADS);
      loads.present(Set.of("self", "killed"));
    }
    Set<String> afterwards = counted();
    loads.heard("killed", said - 1, LOADS);

    assertEquals(Set.of(), afterwards);
    assertEquals(Set.of("killed"), counted());
  }

  /** A Valkey that was restarted has forgotten all of them, which say it anew one by one. */
  @Test
  void nobodyHasLeftWhereNotEvenThisOneIsFound() {
    hear("a", "b");

    loads.present(Set.of("a"));

    assertEquals(Set.of("a", "b"), counted());
  }
}

package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ClientQuarantineTest {
  private static final long SECOND = 1_000_000_000L;

  private long nanos = SECOND;
  private final ClientQuarantine clients = new ClientQuarantine(() -> nanos);

  @Test
  void theFourthDeathHoldsItsClientAndEachFurtherOneTwiceAsLong() {
    assertEquals(0, died("a"));
    assertEquals(0, died("a"));
    assertEquals(0, died("a"));
    assertEquals(0, held("a"));
    assertEquals(60, died("a"));
    assertEquals(60, held("a"));
    nanos += 60 * SECOND;
    assertEquals(0, held("a"));

    assertEquals(120, died("a"));
    assertEquals(240, died("a"));
    assertEquals(480, died("a"));
    assertEquals(600, died("a"));
    assertEquals(600, died("a"));
  }

  @Test
  void othersAndOtherModelsAreNotHeld() {
    for (int i = 0; i < ClientQuarantine.DEATHS; i++) {
      died("a");
    }

    assertEquals(0, held("b"));
    assertEquals(0, clients.heldSeconds(new ClientQuarantine.Client("other", "default", "a")));
    assertEquals(0, clients.heldSeconds(new ClientQuarantine.Client("m", "another", "a")));
  }

  @Test
  void deathsThatAreFarApartAreForgotten() {
    for (int i = 0; i < 10; i++) {
      assertEquals(0, died("a"));
      nanos += 601 * SECOND;
    }
  }

  @Test
  void whoGoesOnAfterALongHoldIsHeldForLonger() {
    for (int i = 0; i < 8; i++) {
      died("a");
    }
    nanos += 1100 * SECOND;

    assertEquals(600, died("a"));
  }

  @Test
  void noMoreThanTheLastAreRemembered() {
    for (int death = 0; death < ClientQuarantine.DEATHS; death++) {
      died("first");
    }
    for (int i = 0; i < ClientQuarantine.MOST; i++) {
      died("other " + i);
    }

    assertEquals(0, held("first"));
  }

  private int died(String key) {
    return clients.died(client(key));
  }

  private int held(String key) {
    return clients.heldSeconds(client(key));
  }

  private static ClientQuarantine.Client client(String key) {
    return new ClientQuarantine.Client("m", "default", key);
  }
}

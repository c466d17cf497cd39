package dev.switchboard.gateway.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

class CacheSaltTest {
  private final CacheSalt salts = new CacheSalt(new byte[32]);

  @Test
  void whoSendsNeitherTokenNorSaltSharesOneSpace() {
    assertNull(salts.of(null, null));
    assertNull(salts.of("Basic eDp5", null));
    assertNull(salts.of("Bearer ", ""));
  }

  @Test
  void aCallerHasOneSpaceHoweverItSpellsTheScheme() {
    assertEquals(salts.of("Bearer a", null), salts.of("bearer  a ", ""));
    assertNotEquals(salts.of("Bearer a", null), salts.of("Bearer b", null));
  }

  @Test
  void tokenAndSaltCannotBeShiftedIntoEachOther() {
    assertNotEquals(salts.of("Bearer ab", "c"), salts.of("Bearer a", "bc"));
    assertNotEquals(salts.of("Bearer a", null), salts.of(null, "a"));
  }

  @Test
  void anotherKeyMakesOtherSalts() {
    byte[] other = new byte[32];
    other[0] = 1;

    assertNotEquals(salts.of("Bearer a", null), new CacheSalt(other).of("Bearer a", null));
  }
}

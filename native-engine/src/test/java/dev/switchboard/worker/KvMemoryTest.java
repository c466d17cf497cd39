package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KvMemoryTest {

  @Test
  void memoryAndTokensAreAmounts() {
    assertEquals(512L << 10, KvMemory.parse("512MiB").tokens(1024));
    assertEquals(2L << 20, KvMemory.parse("2GiB").tokens(1024));
    assertEquals(1024, KvMemory.parse("1").tokens(1024));
    assertEquals(16_384, KvMemory.parse("16384tokens").tokens(1024));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0", "-1", "1 GiB", "5GB", "999999999999999MiB", "x"})
  void anythingElseIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> KvMemory.parse(text));
  }
}

package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KvMemoryTest {

  @Test
  void memoryAndTokensAreAmounts() {
    assertEquals(new KvMemory.Bytes(512L << 20), KvMemory.parse("512MiB"));
    assertEquals(new KvMemory.Bytes(2L << 30), KvMemory.parse("2GiB"));
    assertEquals(new KvMemory.Bytes(1L << 20), KvMemory.parse("1"));
    assertEquals(new KvMemory.Bytes(Long.MAX_VALUE >> 30 << 30), KvMemory.parse("8589934591GiB"));
    assertEquals(new KvMemory.Tokens(16_384), KvMemory.parse("16384tokens"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "0", "-1", "1 GiB", "5GB", "999999999999999MiB", "9999999999GiB", "x"})
  void anythingElseIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> KvMemory.parse(text));
  }
}

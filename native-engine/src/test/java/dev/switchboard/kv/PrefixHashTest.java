package dev.switchboard.kv;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;

class PrefixHashTest {
  private static final PrefixKey REFERENCE_KEY =
      new PrefixKey(0x0706050403020100L, 0x0f0e0d0c0b0a0908L);

  /** The published vectors of SipHash-2-4-128: key 00..0f, messages 00, 00 01, … */
  @Test
  void agreesWithTheReferenceVectors() {
    assertEquals("a3817f04ba25a8e66df67214c7550293", hashOfCountingBytes(0));
    assertEquals("da87c1d86b99af44347659119b22fc45", hashOfCountingBytes(1));
    assertEquals("5493e99933b0a8117e08ec0f97cfc3d9", hashOfCountingBytes(15));
  }

  @Test
  void changesWithParentTokensAndTheirOrder() {
    PrefixHash hash = new PrefixHash(REFERENCE_KEY);
    int[] tokens = {9, 1, 2, 3, 2, 1};

    hash.next(1, 2, tokens, 1, 3);
    long first = hash.low();
    hash.next(1, 2, tokens, 3, 3);
    long reversed = hash.low();
    hash.next(1, 3, tokens, 1, 3);
    long otherParent = hash.low();

    assertNotEquals(first, reversed);
    assertNotEquals(first, otherParent);
  }

  private static String hashOfCountingBytes(int count) {
    StringBuilder message = new StringBuilder();
    for (int i = 0; i < count; i++) {
      message.append((char) i);
    }
    PrefixHash hash = new PrefixHash(REFERENCE_KEY);
    hash.root(message.toString());
    return String.format(
        "%016x%016x", Long.reverseBytes(hash.low()), Long.reverseBytes(hash.high()));
  }
}

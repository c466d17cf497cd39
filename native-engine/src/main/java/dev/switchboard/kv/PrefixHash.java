package dev.switchboard.kv;

import java.nio.charset.StandardCharsets;

/**
 * SipHash-2-4 with 128 bits of output (Aumasson and Bernstein), over a parent hash and a block's
 * tokens. Reused: a call leaves its answer in {@link #high} and {@link #low}. Not thread-safe.
 */
public final class PrefixHash {
  private final PrefixKey key;
  private long v0;
  private long v1;
  private long v2;
  private long v3;
  private long high;
  private long low;

  public PrefixHash(PrefixKey key) {
    this.key = key;
  }

  /** The chain's beginning for a tenant's salt. */
  public void root(String salt) {
    byte[] bytes = salt.getBytes(StandardCharsets.UTF_8);
    start();
    int whole = bytes.length & ~7;
    for (int i = 0; i < whole; i += 8) {
      absorb(littleEndian(bytes, i, 8));
    }
    finish(littleEndian(bytes, whole, bytes.length - whole), bytes.length);
  }

  /** The next link: the parent's hash and count tokens from offset on. */
  public void next(long parentHigh, long parentLow, int[] tokens, int offset, int count) {
    start();
    absorb(parentLow);
    absorb(parentHigh);
    int pairs = count & ~1;
    for (int i = 0; i < pairs; i += 2) {
      absorb((tokens[offset + i] & 0xffffffffL) | ((long) tokens[offset + i + 1] << 32));
    }
    long rest = pairs < count ? tokens[offset + pairs] & 0xffffffffL : 0;
    finish(rest, 16 + 4 * count);
  }

  public long high() {
    return high;
  }

  public long low() {
    return low;
  }

  private static long littleEndian(byte[] bytes, int offset, int count) {
    long word = 0;
    for (int i = 0; i < count; i++) {
      word |= (bytes[offset + i] & 0xffL) << (8 * i);
    }
    return word;
  }

  private void start() {
    v0 = key.k0() ^ 0x736f6d6570736575L;
    v1 = key.k1() ^ 0x646f72616e646f6dL ^ 0xee;
    v2 = key.k0() ^ 0x6c7967656e657261L;
    v3 = key.k1() ^ 0x7465646279746573L;
  }

  private void absorb(long word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }

  private void finish(long rest, int lengthBytes) {
    absorb(rest | ((long) lengthBytes << 56));
    v2 ^= 0xee;
    rounds4();
    low = v0 ^ v1 ^ v2 ^ v3;
    v1 ^= 0xdd;
    rounds4();
    high = v0 ^ v1 ^ v2 ^ v3;
  }

  private void rounds4() {
    round();
    round();
    round();
    round();
  }

  private void round() {
    v0 += v1;
    v1 = Long.rotateLeft(v1, 13) ^ v0;
    v0 = Long.rotateLeft(v0, 32);
    v2 += v3;
    v3 = Long.rotateLeft(v3, 16) ^ v2;
    v0 += v3;
    v3 = Long.rotateLeft(v3, 21) ^ v0;
    v2 += v1;
    v1 = Long.rotateLeft(v1, 17) ^ v2;
    v2 = Long.rotateLeft(v2, 32);
  }
}

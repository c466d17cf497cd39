package dev.switchboard.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * An array of strings that stays in the mapped file: only where each one starts is kept. A
 * vocabulary of 150,000 tokens costs 600 kB until its strings are asked for.
 */
public final class GgufStrings {
  private final String key;
  private final MemorySegment file;
  private final long base;
  private final int[] starts;

  /**
   * @param starts offsets from base of each string's first byte, then where the string after the
   *     last would start; each string is preceded by its length in 8 bytes
   */
  GgufStrings(String key, MemorySegment file, long base, int[] starts) {
    this.key = key;
    this.file = file;
    this.base = base;
    this.starts = starts;
  }

  public int size() {
    return starts.length - 1;
  }

  public int byteLength(int index) {
    return starts[index + 1] - Long.BYTES - starts[index];
  }

  public byte[] bytes(int index) {
    byte[] bytes = new byte[byteLength(index)];
    copy(index, bytes, 0);
    return bytes;
  }

  /** Copies a string's bytes to {@code out}, from {@code at} on. */
  public void copy(int index, byte[] out, int at) {
    MemorySegment.copy(
        file, ValueLayout.JAVA_BYTE, base + starts[index], out, at, byteLength(index));
  }

  /**
   * The string at an index.
   *
   * @throws GgufException {@code bad-text} when it is not UTF-8
   */
  public String get(int index) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes(index))).toString();
    } catch (CharacterCodingException e) {
      throw new GgufException(
          GgufException.Reason.BAD_TEXT,
          GgufException.quote(key) + "[" + index + "] is not UTF-8",
          e);
    }
  }
}

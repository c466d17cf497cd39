package dev.switchboard.gguf;

import dev.switchboard.gguf.GgufException.Reason;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;

/** Reads little-endian values in order and refuses to pass the end or the metadata limit. */
final class GgufCursor {
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment file;
  private final int maxBytes;
  private final long end;
  private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();
  private long position;

  GgufCursor(MemorySegment file, GgufLimits limits) {
    this.file = file;
    this.maxBytes = limits.metadataBytes();
    this.end = Math.min(file.byteSize(), maxBytes);
  }

  long position() {
    return position;
  }

  /** Bytes that may still be read. */
  long remaining() {
    return end - position;
  }

  int readInt(String what) {
    return file.get(INT, take(Integer.BYTES, what));
  }

  long readLong(String what) {
    return file.get(LONG, take(Long.BYTES, what));
  }

  /** A count or length: unsigned in the file, so a negative long is a huge number. */
  int readCount(String what, int limit) {
    long count = readLong(what);
    if (count < 0 || count > limit) {
      throw new GgufException(
          Reason.LIMIT, what + " is " + Long.toUnsignedString(count) + ", the limit is " + limit);
    }
    return (int) count;
  }

  String readString(String what, int limit) {
    int length = readCount(what, limit);
    byte[] bytes = new byte[checked(length, what)];
    MemorySegment.copy(file, ValueLayout.JAVA_BYTE, position, bytes, 0, length);
    position += length;
    try {
      return utf8.decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new GgufException(Reason.BAD_TEXT, what + " is not UTF-8", e);
    }
  }

  /** Where the next {@code bytes} bytes start; moves past them. */
  long take(long bytes, String what) {
    checked(bytes, what);
    long start = position;
    position += bytes;
    return start;
  }

  private int checked(long bytes, String what) {
    if (bytes > remaining()) {
      if (end < file.byteSize()) {
        throw new GgufException(
            Reason.LIMIT, "metadata is longer than " + maxBytes + " bytes, in " + what);
      }
      throw new GgufException(
          Reason.TRUNCATED, "the file ends at byte " + file.byteSize() + ", in " + what);
    }
    return Math.toIntExact(bytes);
  }
}

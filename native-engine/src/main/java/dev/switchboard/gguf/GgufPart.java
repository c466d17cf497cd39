package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;

import dev.switchboard.gguf.GgufException.Reason;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * One file, checked by itself: header, metadata and tensor table.
 *
 * @param tensors by name, in file order
 */
record GgufPart(GgufMetadata metadata, Map<String, GgufTensor> tensors) {
  private static final int MAGIC = 0x46554747;
  private static final int OLDEST_VERSION = 2;
  private static final int NEWEST_VERSION = 3;
  private static final int DEFAULT_ALIGNMENT = 32;
  private static final int MIN_ALIGNMENT = 8;
  private static final int MAX_ALIGNMENT = 1 << 16;

  /**
   * Reads and checks a mapped file.
   *
   * @throws GgufException for anything wrong with it
   */
  static GgufPart read(MemorySegment file, GgufLimits limits) {
    GgufCursor cursor = new GgufCursor(file, limits);
    checkHeader(cursor);
    int tensorCount = cursor.readCount("tensor count", limits.tensors());
    int entryCount = cursor.readCount("metadata count", limits.metadataEntries());
    GgufMetadata metadata = new MetadataReader(file, cursor, limits).read(entryCount);
    return new GgufPart(
        metadata, new TensorTable(file, cursor, limits).read(tensorCount, alignment(metadata)));
  }

  private static void checkHeader(GgufCursor cursor) {
    if (cursor.remaining() < Integer.BYTES || cursor.readInt("magic") != MAGIC) {
      throw new GgufException(Reason.NOT_GGUF, "the file does not start with GGUF");
    }
    int version = cursor.readInt("version");
    if (Integer.reverseBytes(version) >= 1 && Integer.reverseBytes(version) <= NEWEST_VERSION) {
      throw new GgufException(Reason.BIG_ENDIAN, "big-endian files are not supported");
    }
    if (version < OLDEST_VERSION || version > NEWEST_VERSION) {
      throw new GgufException(
          Reason.UNSUPPORTED_VERSION,
          "version "
              + Integer.toUnsignedString(version)
              + " is not "
              + OLDEST_VERSION
              + " or "
              + NEWEST_VERSION);
    }
  }

  private static int alignment(GgufMetadata metadata) {
    String key = "general.alignment";
    int alignment = metadata.integer(key, 0, Integer.MAX_VALUE, DEFAULT_ALIGNMENT);
    if (Integer.bitCount(alignment) != 1
        || alignment < MIN_ALIGNMENT
        || alignment > MAX_ALIGNMENT) {
      throw new GgufException(
          Reason.BAD_ALIGNMENT,
          quote(key)
              + " is "
              + alignment
              + ", not a power of two from "
              + MIN_ALIGNMENT
              + " to "
              + MAX_ALIGNMENT);
    }
    return alignment;
  }
}

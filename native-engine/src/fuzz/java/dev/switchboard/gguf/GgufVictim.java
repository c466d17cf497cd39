package dev.switchboard.gguf;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * A file that is mutated in place and restored: it knows where its integers are, since a random
 * byte is seldom one.
 */
final class GgufVictim {
  private static final int MAX_SPLICE = 64;

  private final String name;
  private final byte[] bytes;
  private final byte[] original;
  private final int headerBytes;
  private int[] fields = new int[1024];
  private int fieldCount;
  private int position;

  GgufVictim(String name, byte[] original) {
    this.name = name;
    this.original = original;
    this.bytes = original.clone();
    int tensors = (int) at(8, 8);
    int entries = (int) at(16, 8);
    position = 4;
    integer(4);
    integer(8);
    integer(8);
    for (int i = 0; i < entries; i++) {
      string();
      value((int) integer(4));
    }
    for (int i = 0; i < tensors; i++) {
      tensor();
    }
    this.headerBytes = position;
  }

  String name() {
    return name;
  }

  /** Changes the file in one or three ways and perhaps cuts it. */
  MemorySegment mutate(SplittableRandom random, long[] extremes) {
    int changes = random.nextInt(3) == 0 ? 3 : 1;
    for (int i = 0; i < changes; i++) {
      switch (random.nextInt(4)) {
        case 0 -> flip(random);
        case 1 -> splice(random);
        default -> put(fields[random.nextInt(fieldCount)], value(random, extremes), random);
      }
    }
    boolean cut = random.nextInt(8) == 0;
    int cutFrom = random.nextBoolean() ? headerBytes : bytes.length;
    return MemorySegment.ofArray(bytes).asSlice(0, cut ? random.nextInt(cutFrom) : bytes.length);
  }

  void restore() {
    System.arraycopy(original, 0, bytes, 0, headerBytes);
  }

  private void flip(SplittableRandom random) {
    int flips = 1 + random.nextInt(3);
    for (int i = 0; i < flips; i++) {
      bytes[random.nextInt(headerBytes)] ^= (byte) (1 << random.nextInt(8));
    }
  }

  private void splice(SplittableRandom random) {
    int length = 1 + random.nextInt(Math.min(MAX_SPLICE, headerBytes / 2));
    int from = random.nextInt(headerBytes - length);
    int to = random.nextInt(headerBytes - length);
    System.arraycopy(bytes, from, bytes, to, length);
  }

  private long value(SplittableRandom random, long[] extremes) {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextLong();
      case 1 -> bytes.length + random.nextLong(-64, 64);
      case 2 -> random.nextLong(64);
      default -> extremes[random.nextInt(extremes.length)];
    };
  }

  private void put(int field, long value, SplittableRandom random) {
    int width = random.nextBoolean() ? 4 : 8;
    for (int i = 0; i < width && field + i < headerBytes; i++) {
      bytes[field + i] = (byte) (value >> (8 * i));
    }
  }

  private void tensor() {
    string();
    int dims = (int) integer(4);
    for (int i = 0; i < dims; i++) {
      integer(8);
    }
    integer(4);
    integer(8);
  }

  private void value(int type) {
    switch (type) {
      case 0, 1, 7 -> position += 1;
      case 2, 3 -> integer(2);
      case 4, 5, 6 -> integer(4);
      case 8 -> string();
      case 9 -> {
        int element = (int) integer(4);
        long count = integer(8);
        for (long i = 0; i < count; i++) {
          value(element);
        }
      }
      default -> integer(8);
    }
  }

  private void string() {
    int length = (int) integer(8);
    position += length;
  }

  private long integer(int width) {
    if (fieldCount == fields.length) {
      fields = Arrays.copyOf(fields, fieldCount * 2);
    }
    fields[fieldCount++] = position;
    long value = at(position, width);
    position += width;
    return value;
  }

  private long at(int offset, int width) {
    long value = 0;
    for (int i = width - 1; i >= 0; i--) {
      value = (value << 8) | (original[offset + i] & 0xFF);
    }
    return value;
  }
}

package dev.switchboard.gateway.flight;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Values one behind the other in bytes. Whole numbers take as many as their size needs; a moment is
 * told from the first one, which is near.
 */
final class PackedBytes {
  private PackedBytes() {}

  private static long zigzag(long value) {
    return value << 1 ^ value >> 63;
  }

  /** Writes; one may be used again after {@link #start}. */
  static final class Writer {
    private byte[] bytes = new byte[1024];
    private int size;
    private long origin;

    void start(long firstMoment) {
      size = 0;
      origin = firstMoment;
      number(firstMoment);
    }

    byte[] toBytes() {
      return Arrays.copyOf(bytes, size);
    }

    void number(long value) {
      unsigned(zigzag(value));
    }

    /** By its place: no byte outlives the process. */
    @SuppressWarnings("EnumOrdinal")
    void constant(Enum<?> value) {
      number(value.ordinal());
    }

    void integer(int value) {
      number(value);
    }

    private void unsigned(long value) {
      room(10);
      long rest = value;
      while ((rest & ~0x7fL) != 0) {
        bytes[size++] = (byte) (rest | 0x80);
        rest >>>= 7;
      }
      bytes[size++] = (byte) rest;
    }

    /** Epoch nanoseconds; 0 stays 0. */
    void moment(long nanos) {
      unsigned(nanos == 0 ? 0 : zigzag(nanos - origin) + 1);
    }

    void flag(boolean value) {
      room(1);
      bytes[size++] = (byte) (value ? 1 : 0);
    }

    void real(double value) {
      room(8);
      long bits = Double.doubleToRawLongBits(value);
      for (int shift = 0; shift < 64; shift += 8) {
        bytes[size++] = (byte) (bits >>> shift);
      }
    }

    void text(@Nullable String value) {
      if (value == null) {
        unsigned(0);
        return;
      }
      int length = value.length();
      unsigned(length + 1L);
      room(3 * length);
      for (int i = 0; i < length; i++) {
        int rest = value.charAt(i);
        while (rest > 0x7f) {
          bytes[size++] = (byte) (rest | 0x80);
          rest >>>= 7;
        }
        bytes[size++] = (byte) rest;
      }
    }

    <T> void optional(@Nullable T value, BiConsumer<Writer, T> write) {
      flag(value != null);
      if (value != null) {
        write.accept(this, value);
      }
    }

    <T> void list(List<T> values, BiConsumer<Writer, T> write) {
      number(values.size());
      for (int i = 0; i < values.size(); i++) {
        write.accept(this, values.get(i));
      }
    }

    private void room(int more) {
      if (bytes.length - size < more) {
        bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, size + more));
      }
    }
  }

  /** Reads in the order in which it was written. */
  static final class Reader {
    private final byte[] bytes;
    private int at;
    private final long origin;

    Reader(byte[] bytes) {
      this.bytes = bytes;
      this.origin = number();
    }

    long number() {
      long value = unsigned();
      return value >>> 1 ^ -(value & 1);
    }

    int integer() {
      return Math.toIntExact(number());
    }

    private long unsigned() {
      long value = 0;
      for (int shift = 0; ; shift += 7) {
        byte next = bytes[at++];
        value |= (next & 0x7fL) << shift;
        if (next >= 0) {
          return value;
        }
      }
    }

    long moment() {
      long value = unsigned() - 1;
      return value == -1 ? 0 : (value >>> 1 ^ -(value & 1)) + origin;
    }

    <T extends Enum<T>> T constant(T[] all) {
      return all[integer()];
    }

    boolean flag() {
      return bytes[at++] != 0;
    }

    double real() {
      long bits = 0;
      for (int shift = 0; shift < 64; shift += 8) {
        bits |= (bytes[at++] & 0xffL) << shift;
      }
      return Double.longBitsToDouble(bits);
    }

    @Nullable String optionalText() {
      int length = (int) unsigned() - 1;
      if (length < 0) {
        return null;
      }
      char[] chars = new char[length];
      for (int i = 0; i < length; i++) {
        chars[i] = (char) unsigned();
      }
      return new String(chars);
    }

    String text() {
      String value = optionalText();
      if (value == null) {
        throw new IllegalStateException("no text where there must be one");
      }
      return value;
    }

    <T> @Nullable T optional(Function<Reader, T> read) {
      return flag() ? read.apply(this) : null;
    }

    <T> List<T> list(Function<Reader, T> read) {
      int size = integer();
      List<T> values = new ArrayList<>(size);
      for (int i = 0; i < size; i++) {
        values.add(read.apply(this));
      }
      return values;
    }
  }
}

package dev.switchboard.gguf;

import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.GgufValue.BoolValue;
import dev.switchboard.gguf.GgufValue.IntegerValue;
import dev.switchboard.gguf.GgufValue.NestedValue;
import dev.switchboard.gguf.GgufValue.NumbersValue;
import dev.switchboard.gguf.GgufValue.RealValue;
import dev.switchboard.gguf.GgufValue.StringsValue;
import dev.switchboard.gguf.GgufValue.TextValue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads the key-value section of a file. */
final class MetadataReader {
  private final MemorySegment file;
  private final GgufCursor cursor;
  private final GgufLimits limits;

  MetadataReader(MemorySegment file, GgufCursor cursor, GgufLimits limits) {
    this.file = file;
    this.cursor = cursor;
    this.limits = limits;
  }

  GgufMetadata read(int entries) {
    Map<String, GgufValue> values = new LinkedHashMap<>();
    for (int i = 0; i < entries; i++) {
      String key = readKey(i);
      if (values.put(key, readValue(key)) != null) {
        throw new GgufException(
            Reason.DUPLICATE_KEY, GgufException.quote(key) + " is there more than once");
      }
    }
    return new GgufMetadata(file, values);
  }

  private String readKey(int index) {
    String key = cursor.readString("key " + index, limits.keyBytes());
    if (key.isEmpty()) {
      throw new GgufException(Reason.BAD_KEY, "key " + index + " is empty");
    }
    return key;
  }

  private GgufValue readValue(String key) {
    String what = GgufException.quote(key);
    ValueType type = readType(what);
    return switch (type) {
      case STRING -> new TextValue(cursor.readString(what, limits.stringBytes()));
      case ARRAY -> readArray(key, what, 1);
      case BOOL -> new BoolValue(readBool(what));
      case F32 -> new RealValue(type, file.get(GgufCursor.FLOAT, cursor.take(type.bytes, what)));
      case F64 -> new RealValue(type, file.get(GgufCursor.DOUBLE, cursor.take(type.bytes, what)));
      case U8, I8, U16, I16, U32, I32, U64, I64 ->
          new IntegerValue(type, integerAt(file, type, cursor.take(type.bytes, what)));
    };
  }

  private ValueType readType(String what) {
    int id = cursor.readInt(what);
    ValueType type = ValueType.byId(id);
    if (type == null) {
      throw new GgufException(
          Reason.UNKNOWN_VALUE_TYPE, what + " has value type " + Integer.toUnsignedString(id));
    }
    return type;
  }

  private boolean readBool(String what) {
    byte value = file.get(ValueLayout.JAVA_BYTE, cursor.take(1, what));
    if (value != 0 && value != 1) {
      throw new GgufException(Reason.BAD_VALUE, what + " is a bool of value " + value);
    }
    return value == 1;
  }

  private GgufValue readArray(String key, String what, int depth) {
    if (depth > limits.arrayDepth()) {
      throw new GgufException(
          Reason.LIMIT, what + " nests arrays deeper than " + limits.arrayDepth());
    }
    ValueType element = readType(what);
    int count = cursor.readCount(what + " length", limits.arrayElements());
    return switch (element) {
      case STRING -> new StringsValue(readStrings(key, what, count));
      case ARRAY -> {
        for (int i = 0; i < count; i++) {
          GgufValue ignored = readArray(key, what, depth + 1);
        }
        yield new NestedValue(count);
      }
      case U8, I8, U16, I16, U32, I32, F32, BOOL, U64, I64, F64 ->
          new NumbersValue(
              element, count, cursor.take(Math.multiplyExact((long) count, element.bytes), what));
    };
  }

  /** Walks the strings once; each needs at least its 8 bytes of length, which bounds the array. */
  private GgufStrings readStrings(String key, String what, int count) {
    if (count > cursor.remaining() / Long.BYTES) {
      cursor.take(Math.multiplyExact((long) count, Long.BYTES), what);
    }
    long base = cursor.position();
    int[] starts = new int[count + 1];
    for (int i = 0; i < count; i++) {
      long length = file.get(GgufCursor.LONG, cursor.take(Long.BYTES, what));
      if (length < 0 || length > limits.stringBytes()) {
        throw new GgufException(
            Reason.LIMIT,
            what
                + "["
                + i
                + "] has "
                + Long.toUnsignedString(length)
                + " bytes, the limit is "
                + limits.stringBytes());
      }
      starts[i] = (int) (cursor.take(length, what) - base);
    }
    starts[count] = (int) (cursor.position() + Long.BYTES - base);
    return new GgufStrings(key, file, base, starts);
  }

  static long integerAt(MemorySegment file, ValueType type, long offset) {
    return switch (type) {
      case U8, BOOL -> Byte.toUnsignedLong(file.get(ValueLayout.JAVA_BYTE, offset));
      case I8 -> file.get(ValueLayout.JAVA_BYTE, offset);
      case U16 -> Short.toUnsignedLong(file.get(GgufCursor.SHORT, offset));
      case I16 -> file.get(GgufCursor.SHORT, offset);
      case U32 -> Integer.toUnsignedLong(file.get(GgufCursor.INT, offset));
      case I32 -> file.get(GgufCursor.INT, offset);
      case U64, I64 -> file.get(GgufCursor.LONG, offset);
      case F32, F64, STRING, ARRAY -> throw new IllegalArgumentException(type.name());
    };
  }
}

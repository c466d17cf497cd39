package dev.switchboard.gguf;

import org.jspecify.annotations.Nullable;

/** Types of metadata values, numbered as in the file. */
enum ValueType {
  U8(1),
  I8(1),
  U16(2),
  I16(2),
  U32(4),
  I32(4),
  F32(4),
  BOOL(1),
  STRING(0),
  ARRAY(0),
  U64(8),
  I64(8),
  F64(8);

  private static final ValueType[] BY_ID = values();

  /** Size of a value, or 0 where it varies. */
  final int bytes;

  ValueType(int bytes) {
    this.bytes = bytes;
  }

  static @Nullable ValueType byId(int id) {
    return id >= 0 && id < BY_ID.length ? BY_ID[id] : null;
  }

  boolean isInteger() {
    return switch (this) {
      case U8, I8, U16, I16, U32, I32, U64, I64 -> true;
      case F32, F64, BOOL, STRING, ARRAY -> false;
    };
  }

  boolean isReal() {
    return this == F32 || this == F64;
  }
}

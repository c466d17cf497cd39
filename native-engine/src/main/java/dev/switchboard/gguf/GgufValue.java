package dev.switchboard.gguf;

/**
 * A metadata value. Scalars are decoded when the file is opened, arrays when they are asked for.
 */
sealed interface GgufValue {

  /** The value's type as an error message names it. */
  String typeName();

  /**
   * @param value the number; a u64 above the largest long is negative
   */
  record IntegerValue(ValueType type, long value) implements GgufValue {
    @Override
    public String typeName() {
      return type.name();
    }
  }

  record RealValue(ValueType type, double value) implements GgufValue {
    @Override
    public String typeName() {
      return type.name();
    }
  }

  record BoolValue(boolean value) implements GgufValue {
    @Override
    public String typeName() {
      return ValueType.BOOL.name();
    }
  }

  record TextValue(String value) implements GgufValue {
    @Override
    public String typeName() {
      return ValueType.STRING.name();
    }
  }

  record StringsValue(GgufStrings strings) implements GgufValue {
    @Override
    public String typeName() {
      return "ARRAY of STRING";
    }
  }

  /**
   * @param offset of the first element in the file
   */
  record NumbersValue(ValueType elementType, int count, long offset) implements GgufValue {
    @Override
    public String typeName() {
      return "ARRAY of " + elementType;
    }
  }

  /** An array of arrays: checked, then ignored, since no supported model has one. */
  record NestedValue(int count) implements GgufValue {
    @Override
    public String typeName() {
      return "ARRAY of ARRAY";
    }
  }
}

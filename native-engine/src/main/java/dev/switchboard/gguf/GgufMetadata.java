package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;

import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.GgufValue.BoolValue;
import dev.switchboard.gguf.GgufValue.IntegerValue;
import dev.switchboard.gguf.GgufValue.NestedValue;
import dev.switchboard.gguf.GgufValue.NumbersValue;
import dev.switchboard.gguf.GgufValue.RealValue;
import dev.switchboard.gguf.GgufValue.StringsValue;
import dev.switchboard.gguf.GgufValue.TextValue;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A file's key-value pairs with typed access. A method without a fallback fails with {@code
 * missing-key}; every method fails with {@code wrong-value-type} when the key holds another type.
 */
public final class GgufMetadata {
  private final MemorySegment file;
  private final Map<String, GgufValue> values;

  GgufMetadata(MemorySegment file, Map<String, GgufValue> values) {
    this.file = file;
    this.values = Collections.unmodifiableMap(values);
  }

  /** All keys, in file order. */
  public Set<String> keys() {
    return values.keySet();
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** Whether the key has the same value, no array, in both. */
  boolean sameValue(String key, GgufMetadata other) {
    GgufValue value = values.get(key);
    GgufValue others = other.values.get(key);
    return switch (value) {
      case null -> others == null;
      // The width of an integer is the writer's choice.
      case IntegerValue(ValueType type, long number) ->
          others instanceof IntegerValue(ValueType otherType, long otherNumber)
              && number == otherNumber;
      case RealValue real -> real.equals(others);
      case BoolValue bool -> bool.equals(others);
      case TextValue text -> text.equals(others);
      case StringsValue strings -> false;
      case NumbersValue numbers -> false;
      case NestedValue nested -> false;
    };
  }

  public String string(String key) {
    return asText(key, required(key));
  }

  public @Nullable String stringOrNull(String key) {
    GgufValue value = values.get(key);
    return value == null ? null : asText(key, value);
  }

  public String string(String key, String fallback) {
    String value = stringOrNull(key);
    return value == null ? fallback : value;
  }

  public boolean bool(String key, boolean fallback) {
    return switch (values.get(key)) {
      case null -> fallback;
      case BoolValue bool -> bool.value();
      case GgufValue other -> throw wrongType(key, "BOOL", other);
    };
  }

  /** An integer of any width, which must be in [min, max]. */
  public int integer(String key, int min, int max) {
    return asInteger(key, required(key), min, max);
  }

  public int integer(String key, int min, int max, int fallback) {
    GgufValue value = values.get(key);
    return value == null ? fallback : asInteger(key, value, min, max);
  }

  /** A finite F32 or F64. */
  public float real(String key) {
    return asReal(key, required(key));
  }

  public float real(String key, float fallback) {
    GgufValue value = values.get(key);
    return value == null ? fallback : asReal(key, value);
  }

  /** A finite number of any type; null where there is none, whatever else stands there. */
  public @Nullable Double numberOrNull(String key) {
    return switch (values.get(key)) {
      case IntegerValue integer when integer.type() != ValueType.U64 || integer.value() >= 0 ->
          (double) integer.value();
      case RealValue real when Double.isFinite(real.value()) -> real.value();
      case null, default -> null;
    };
  }

  public GgufStrings strings(String key) {
    return asStrings(key, required(key));
  }

  public @Nullable GgufStrings stringsOrNull(String key) {
    GgufValue value = values.get(key);
    return value == null ? null : asStrings(key, value);
  }

  /** An array of integers of any width, each of which must fit an int. */
  public int[] integersOrEmpty(String key) {
    return switch (values.get(key)) {
      case null -> new int[0];
      case NumbersValue numbers when numbers.elementType().isInteger() -> integers(key, numbers);
      case GgufValue other -> throw wrongType(key, "ARRAY of integers", other);
    };
  }

  /** An array of BOOL, at most so many; empty where the key is absent or no array. */
  boolean[] flagsOrEmpty(String key, int most) {
    if (!(values.get(key) instanceof NumbersValue numbers)) {
      return new boolean[0];
    }
    if (numbers.elementType() != ValueType.BOOL) {
      throw wrongType(key, "ARRAY of BOOL", numbers);
    }
    if (numbers.count() > most) {
      throw new GgufException(
          Reason.BAD_VALUE, quote(key) + " has " + numbers.count() + " elements, at most " + most);
    }
    boolean[] out = new boolean[numbers.count()];
    for (int i = 0; i < out.length; i++) {
      out[i] = MetadataReader.integerAt(file, ValueType.BOOL, numbers.offset() + i) != 0;
    }
    return out;
  }

  /** An array of F32 or F64; elements may be infinite or NaN. */
  public float[] realsOrEmpty(String key) {
    return switch (values.get(key)) {
      case null -> new float[0];
      case NumbersValue numbers when numbers.elementType().isReal() -> reals(numbers);
      case GgufValue other -> throw wrongType(key, "ARRAY of F32", other);
    };
  }

  /** One integer, or an array of equal integers, as some writers repeat a value per layer. */
  int uniformInteger(String key, int min, int max, int fallback) {
    if (!(values.get(key) instanceof NumbersValue)) {
      return integer(key, min, max, fallback);
    }
    int[] all = integersOrEmpty(key);
    for (int value : all) {
      if (value != all[0]) {
        throw new GgufException(
            Reason.UNSUPPORTED_FEATURE, quote(key) + " differs from layer to layer");
      }
    }
    if (all.length == 0) {
      throw new GgufException(Reason.BAD_VALUE, quote(key) + " is an empty array");
    }
    return checked(key, all[0], min, max);
  }

  private GgufValue required(String key) {
    GgufValue value = values.get(key);
    if (value == null) {
      throw new GgufException(Reason.MISSING_KEY, quote(key) + " is not there");
    }
    return value;
  }

  private static String asText(String key, GgufValue value) {
    if (value instanceof TextValue text) {
      return text.value();
    }
    throw wrongType(key, "STRING", value);
  }

  private static int asInteger(String key, GgufValue value, int min, int max) {
    if (!(value instanceof IntegerValue integer)) {
      throw wrongType(key, "an integer", value);
    }
    if (integer.type() == ValueType.U64 && integer.value() < 0) {
      throw outOfRange(key, Long.toUnsignedString(integer.value()), min, max);
    }
    return checked(key, integer.value(), min, max);
  }

  private static int checked(String key, long value, int min, int max) {
    if (value < min || value > max) {
      throw outOfRange(key, Long.toString(value), min, max);
    }
    return (int) value;
  }

  private static float asReal(String key, GgufValue value) {
    if (!(value instanceof RealValue real)) {
      throw wrongType(key, "F32", value);
    }
    float narrowed = (float) real.value();
    if (!Float.isFinite(narrowed)) {
      throw new GgufException(Reason.BAD_VALUE, quote(key) + " is " + real.value());
    }
    return narrowed;
  }

  private static GgufStrings asStrings(String key, GgufValue value) {
    if (value instanceof StringsValue strings) {
      return strings.strings();
    }
    throw wrongType(key, "ARRAY of STRING", value);
  }

  private int[] integers(String key, NumbersValue numbers) {
    ValueType type = numbers.elementType();
    int[] out = new int[numbers.count()];
    for (int i = 0; i < out.length; i++) {
      long value = MetadataReader.integerAt(file, type, numbers.offset() + (long) i * type.bytes);
      if (value != (int) value) {
        throw outOfRange(
            key + "[" + i + "]", Long.toString(value), Integer.MIN_VALUE, Integer.MAX_VALUE);
      }
      out[i] = (int) value;
    }
    return out;
  }

  private float[] reals(NumbersValue numbers) {
    float[] out = new float[numbers.count()];
    for (int i = 0; i < out.length; i++) {
      out[i] =
          numbers.elementType() == ValueType.F32
              ? file.get(GgufCursor.FLOAT, numbers.offset() + (long) i * Float.BYTES)
              : (float) file.get(GgufCursor.DOUBLE, numbers.offset() + (long) i * Double.BYTES);
    }
    return out;
  }

  private static GgufException wrongType(String key, String wanted, GgufValue value) {
    return new GgufException(
        Reason.WRONG_VALUE_TYPE, quote(key) + " is " + value.typeName() + ", wanted " + wanted);
  }

  private static GgufException outOfRange(String key, String value, int min, int max) {
    return new GgufException(
        Reason.BAD_VALUE, quote(key) + " is " + value + ", outside " + min + " to " + max);
  }
}

package dev.switchboard.gateway.flight;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Records are made up from their components' types, so a new component is covered at once. */
class FlightCodecTest {
  private static final long TODAY = 1_795_000_000_000_000_000L;
  private static final String[] TEXTS = {
    "", "chat", "grün", "模型", "a\u0000b", "\ud83d", "😀", "ü".repeat(3000)
  };

  @Test
  void everyRecordComesBackAsItWas() throws ReflectiveOperationException {
    int absent = 0;
    for (int seed = 0; seed < 500; seed++) {
      FlightRecord record = made(new SplittableRandom(seed));
      FlightRecord back = FlightCodec.unpack(FlightCodec.pack(record));
      for (RecordComponent component : FlightRecord.class.getRecordComponents()) {
        Object before = component.getAccessor().invoke(record);
        Object after = component.getAccessor().invoke(back);
        int of = seed;
        assertTrue(
            Objects.deepEquals(before, after),
            () -> component.getName() + " of seed " + of + ": " + before + " is " + after);
        absent += before == null ? 1 : 0;
      }
    }
    assertTrue(absent > 100, "made up records lack something now and then");
  }

  private static FlightRecord made(SplittableRandom random) throws ReflectiveOperationException {
    return (FlightRecord) Objects.requireNonNull(record(FlightRecord.class, random));
  }

  private static Object record(Class<?> type, SplittableRandom random)
      throws ReflectiveOperationException {
    RecordComponent[] components = type.getRecordComponents();
    Class<?>[] types = new Class<?>[components.length];
    @Nullable Object[] values = new @Nullable Object[components.length];
    for (int i = 0; i < components.length; i++) {
      types[i] = components[i].getType();
      values[i] = value(components[i].getAnnotatedType(), random);
    }
    var constructor = type.getDeclaredConstructor(types);
    constructor.setAccessible(true);
    return constructor.newInstance(values);
  }

  private static @Nullable Object value(AnnotatedType annotated, SplittableRandom random)
      throws ReflectiveOperationException {
    boolean optional = annotated.isAnnotationPresent(Nullable.class);
    if (optional && random.nextInt(3) == 0) {
      return null;
    }
    Type type = annotated.getType();
    if (type instanceof ParameterizedType parameterized) {
      AnnotatedType[] of =
          ((AnnotatedParameterizedType) annotated).getAnnotatedActualTypeArguments();
      int size = random.nextInt(4);
      if (parameterized.getRawType() == List.class) {
        List<Object> list = new ArrayList<>();
        for (int i = 0; i < size; i++) {
          list.add(value(of[0], random));
        }
        return list;
      }
      Map<Object, Object> map = new HashMap<>();
      for (int i = 0; i < size; i++) {
        map.put(value(of[0], random), value(of[1], random));
      }
      return map;
    }
    Class<?> plain = (Class<?>) type;
    if (plain == long.class || plain == Long.class) {
      return number(random);
    }
    if (plain == int.class || plain == Integer.class) {
      return (int) number(random);
    }
    if (plain == double.class || plain == Double.class) {
      return random.nextInt(5) == 0 ? Double.NaN : random.nextDouble() * 1000 - 10;
    }
    if (plain == boolean.class) {
      return random.nextBoolean();
    }
    if (plain == String.class) {
      return TEXTS[random.nextInt(TEXTS.length)];
    }
    if (plain == long[].class) {
      return random.longs(Flight.Mark.values().length).map(any -> number(random)).toArray();
    }
    if (plain.isEnum()) {
      return plain.getEnumConstants()[random.nextInt(plain.getEnumConstants().length)];
    }
    if (plain.isSealed()) {
      Class<?>[] kinds = plain.getPermittedSubclasses();
      return record(kinds[random.nextInt(kinds.length)], random);
    }
    return record(plain, random);
  }

  private static long number(SplittableRandom random) {
    return switch (random.nextInt(6)) {
      case 0 -> 0;
      case 1 -> -1;
      case 2 -> random.nextInt(100);
      case 3 -> random.nextLong(1L << 40);
      default -> TODAY + random.nextLong(-1L << 40, 1L << 40);
    };
  }
}

package dev.switchboard.chat;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The values a template computes with, and what Python says about them.
 *
 * <p>They are: {@link None}, {@link Undefined}, {@code Boolean}, {@code Long} ({@code BigInteger}
 * only from outside), {@code Double}, {@link Text}, {@code List}, {@link Tuple}, {@code Map} with
 * scalar keys, {@link OneShot}, {@link Namespace}, {@link LoopState} and {@link Callable}. Nothing
 * else enters a template.
 */
final class Values {
  private Values() {}

  static String typeName(Object value) {
    return switch (value) {
      case None none -> "None";
      case Undefined undefined -> "Undefined";
      case Boolean flag -> "bool object";
      case Long number -> "int object";
      case BigInteger number -> "int object";
      case Double number -> "float object";
      case Text text -> "str object";
      case List<?> list -> "list object";
      case Tuple tuple -> "tuple object";
      case Map<?, ?> map -> "dict object";
      case Namespace namespace -> "Namespace object";
      case LoopState loop -> "LoopContext object";
      default -> "object";
    };
  }

  static boolean isTrue(Object value) {
    return switch (value) {
      case Boolean flag -> flag;
      case None none -> false;
      case Undefined undefined -> false;
      case Text text -> !text.isEmpty();
      case Long number -> number != 0;
      case BigInteger number -> number.signum() != 0;
      case Double number -> number != 0;
      case List<?> list -> !list.isEmpty();
      case Tuple tuple -> !tuple.items().isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      default -> true;
    };
  }

  static boolean isNumber(Object value) {
    return value instanceof Number || value instanceof Boolean;
  }

  static boolean isInteger(Object value) {
    return value instanceof Long || value instanceof BigInteger;
  }

  /** Items of a list or a tuple; null for anything else. */
  @SuppressWarnings("unchecked")
  static @Nullable List<Object> sequence(Object value) {
    return switch (value) {
      case List<?> list -> (List<Object>) list;
      case Tuple tuple -> tuple.items();
      default -> null;
    };
  }

  @SuppressWarnings("unchecked")
  static Map<Object, Object> map(Object value) {
    return (Map<Object, Object>) value;
  }

  static Map<Object, Object> requireMap(Object value) {
    if (value instanceof Map<?, ?>) {
      return map(value);
    }
    throw value instanceof Undefined undefined
        ? undefined.fault()
        : new Fault("a mapping is needed, not '" + typeName(value) + "'");
  }

  static Text requireText(Object value) {
    if (value instanceof Text text) {
      return text;
    }
    throw value instanceof Undefined undefined
        ? undefined.fault()
        : new Fault("a string is needed, not '" + typeName(value) + "'");
  }

  static long requireInteger(Object value) {
    return switch (value) {
      case Long number -> number;
      case Boolean flag -> flag ? 1 : 0;
      case Undefined undefined -> throw undefined.fault();
      default -> throw new Fault("an integer is needed, not '" + typeName(value) + "'");
    };
  }

  static double requireReal(Object value) {
    return switch (value) {
      case Number number -> number.doubleValue();
      case Boolean flag -> flag ? 1 : 0;
      case Undefined undefined -> throw undefined.fault();
      default -> throw new Fault("a number is needed, not '" + typeName(value) + "'");
    };
  }

  /** A key of a dict, which must be a scalar. */
  static Object key(Object value) {
    return switch (value) {
      case Text text -> text;
      case Number number -> number;
      case Boolean flag -> flag;
      case None none -> none;
      case Undefined undefined -> throw undefined.fault();
      default -> throw new Fault("'" + typeName(value) + "' cannot be a key");
    };
  }

  /** What {@code for} walks over, as a list of its own. */
  static List<Object> iterate(Object value, Budget budget) {
    return switch (value) {
      case Undefined undefined -> List.of();
      case List<?> list -> copy(list, budget);
      case Tuple tuple -> copy(tuple.items(), budget);
      case Map<?, ?> map -> copy(map.keySet(), budget);
      case Text text -> characters(text, budget);
      case OneShot stream -> copy(stream.take(), budget);
      case Namespace namespace -> throw notIterable(value);
      default -> throw notIterable(value);
    };
  }

  private static Fault notIterable(Object value) {
    return new Fault("'" + typeName(value) + "' is not iterable");
  }

  private static List<Object> copy(Collection<?> items, Budget budget) {
    budget.elements(items.size());
    return new ArrayList<>(items);
  }

  static boolean isIterable(Object value) {
    return value instanceof Undefined
        || value instanceof Text
        || value instanceof List<?>
        || value instanceof Tuple
        || value instanceof Map<?, ?>
        || value instanceof OneShot
        || value instanceof LoopState;
  }

  private static List<Object> characters(Text text, Budget budget) {
    int count = text.codePoints();
    budget.elements(count);
    List<Object> characters = new ArrayList<>(count);
    for (int i = 0; i < text.length(); ) {
      int next = i + Character.charCount(text.value().codePointAt(i));
      characters.add(text.slice(i, next));
      i = next;
    }
    return characters;
  }

  static long length(Object value) {
    return switch (value) {
      case Undefined undefined -> 0;
      case Text text -> text.codePoints();
      case List<?> list -> list.size();
      case Tuple tuple -> tuple.items().size();
      case Map<?, ?> map -> map.size();
      case LoopState loop -> loop.length();
      default -> throw new Fault("object of type '" + typeName(value) + "' has no len()");
    };
  }

  static boolean equal(Object left, Object right, Budget budget) {
    return equal(left, right, budget, 0);
  }

  @SuppressWarnings("ReferenceEquality")
  private static boolean equal(Object left, Object right, Budget budget, int depth) {
    budget.step();
    budget.depth(depth);
    if (left instanceof Text a && right instanceof Text b) {
      budget.chars(Math.min(a.length(), b.length()));
      return a.equals(b);
    }
    if (isNumber(left) && isNumber(right)) {
      return Numbers.compare(left, right) == 0;
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      return equalItems(a, b, budget, depth);
    }
    if (left instanceof Tuple a && right instanceof Tuple b) {
      return equalItems(a.items(), b.items(), budget, depth);
    }
    if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
      return equalMaps(a, b, budget, depth);
    }
    return left == right || (left instanceof Undefined && right instanceof Undefined);
  }

  private static boolean equalItems(List<?> left, List<?> right, Budget budget, int depth) {
    if (left.size() != right.size()) {
      return false;
    }
    Iterator<?> others = right.iterator();
    for (Object item : left) {
      if (!equal(item, others.next(), budget, depth + 1)) {
        return false;
      }
    }
    return true;
  }

  private static boolean equalMaps(Map<?, ?> left, Map<?, ?> right, Budget budget, int depth) {
    if (left.size() != right.size()) {
      return false;
    }
    for (Map.Entry<?, ?> entry : left.entrySet()) {
      Object other = right.get(entry.getKey());
      if (other == null || !equal(entry.getValue(), other, budget, depth + 1)) {
        return false;
      }
    }
    return true;
  }

  /** Python's order; only numbers, strings and sequences have one. */
  static int compare(Object left, Object right, Budget budget) {
    return compare(left, right, budget, 0);
  }

  private static int compare(Object left, Object right, Budget budget, int depth) {
    budget.step();
    budget.depth(depth);
    if (isNumber(left) && isNumber(right)) {
      return Numbers.compare(left, right);
    }
    if (left instanceof Text a && right instanceof Text b) {
      budget.chars(Math.min(a.length(), b.length()));
      return compareCodePoints(a.value(), b.value());
    }
    List<Object> a = sequence(left);
    List<Object> b = sequence(right);
    if (a == null || b == null || left.getClass() != right.getClass()) {
      throw unordered(left, right);
    }
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!equal(a.get(i), b.get(i), budget, depth + 1)) {
        return compare(a.get(i), b.get(i), budget, depth + 1);
      }
    }
    return Integer.compare(a.size(), b.size());
  }

  private static Fault unordered(Object left, Object right) {
    if (left instanceof Undefined undefined) {
      return undefined.fault();
    }
    if (right instanceof Undefined undefined) {
      return undefined.fault();
    }
    return new Fault("'" + typeName(left) + "' and '" + typeName(right) + "' cannot be ordered");
  }

  /** UTF-16 order differs from code point order where surrogates meet U+E000 to U+FFFF. */
  private static int compareCodePoints(String left, String right) {
    int most = Math.min(left.length(), right.length());
    for (int i = 0; i < most; i++) {
      char a = left.charAt(i);
      char b = right.charAt(i);
      if (a != b) {
        boolean surrogates = Character.isSurrogate(a) != Character.isSurrogate(b);
        return surrogates ? (Character.isSurrogate(a) ? 1 : -1) : Character.compare(a, b);
      }
    }
    return Integer.compare(left.length(), right.length());
  }

  static boolean contains(Object container, Object item, Budget budget) {
    return switch (container) {
      case Undefined undefined -> false;
      case Text text -> {
        budget.chars(text.length());
        yield TextSearch.first(text.value(), requireText(item).value(), 0) >= 0;
      }
      case Map<?, ?> map -> !(item instanceof Undefined) && map.containsKey(key(item));
      case List<?> list -> containsItem(list, item, budget);
      case Tuple tuple -> containsItem(tuple.items(), item, budget);
      case OneShot stream -> containsItem(stream.take(), item, budget);
      default -> throw notIterable(container);
    };
  }

  private static boolean containsItem(List<?> items, Object wanted, Budget budget) {
    for (Object item : items) {
      if (equal(item, wanted, budget)) {
        return true;
      }
    }
    return false;
  }
}

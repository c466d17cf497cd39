package dev.switchboard.chat;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@code owner.name} and {@code owner[key]} as Jinja resolves them: the dot prefers methods and
 * falls back to elements, the bracket the other way round.
 */
final class Attributes {
  private Attributes() {}

  static Object attribute(Object owner, String name) {
    Object own = ownAttribute(owner, name);
    if (own != null) {
      return own;
    }
    Object value = owner instanceof Map<?, ?> map ? map.get(Text.literal(name)) : null;
    return value == null ? Undefined.attribute(owner, name) : value;
  }

  static Object item(Object owner, Object key, Budget budget) {
    Object value = element(owner, key, budget);
    if (value != null) {
      return value;
    }
    if (!(key instanceof Text name)) {
      String shown = key instanceof Number ? key.toString() : Values.typeName(key);
      return new Undefined(Values.typeName(owner) + " has no element " + shown);
    }
    Object own = ownAttribute(owner, name.value());
    return own == null ? Undefined.attribute(owner, name.value()) : own;
  }

  /** A method or another attribute that is no element; null if there is none. */
  static @Nullable Object ownAttribute(Object owner, String name) {
    return switch (owner) {
      case Undefined undefined -> throw undefined.fault();
      case Namespace namespace -> namespace.attributes().get(name);
      case LoopState loop -> loop.attribute(name);
      case Text text -> bind(owner, TextMethods.find(name));
      case Map<?, ?> map -> bind(owner, CollectionMethods.findForMap(name));
      case List<?> list -> bind(owner, CollectionMethods.findForList(name));
      case Tuple tuple -> bind(owner, CollectionMethods.findForTuple(name));
      case MacroValue macro -> macro.attribute(name);
      case Cycler cycler -> cycler.attribute(name);
      default -> null;
    };
  }

  private static @Nullable Callable bind(Object owner, @Nullable Filter method) {
    return method == null
        ? null
        : (interpreter, arguments) -> method.apply(interpreter, owner, arguments);
  }

  private static @Nullable Object element(Object owner, Object key, Budget budget) {
    if (owner instanceof Undefined undefined) {
      throw undefined.fault();
    }
    if (owner instanceof Map<?, ?> map) {
      return isKey(key) ? map.get(key) : null;
    }
    if (!(key instanceof Long || key instanceof Boolean)) {
      return null;
    }
    long index = Values.requireInteger(key);
    if (owner instanceof Text text) {
      return character(text, index, budget);
    }
    List<Object> items = Values.sequence(owner);
    if (items == null) {
      return null;
    }
    long position = index < 0 ? index + items.size() : index;
    return position >= 0 && position < items.size() ? items.get((int) position) : null;
  }

  private static boolean isKey(Object key) {
    return key instanceof Text
        || key instanceof Number
        || key instanceof Boolean
        || key == None.NONE;
  }

  private static @Nullable Text character(Text text, long index, Budget budget) {
    int size = text.codePoints();
    long position = index < 0 ? index + size : index;
    if (position < 0 || position >= size) {
      return null;
    }
    budget.chars(text.hasSurrogates() ? text.length() : 1);
    int start = text.offset((int) position);
    return text.slice(start, text.offset((int) position + 1));
  }
}

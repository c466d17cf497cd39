package dev.switchboard.chat;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Evaluated arguments of a call. */
record Arguments(List<Object> positional, Map<String, Object> named) {
  static final Arguments NONE = new Arguments(List.of(), Map.of());

  static Arguments of(Object... positional) {
    return new Arguments(List.of(positional), Map.of());
  }

  /** The argument at a position or under a name; null when it was not given. */
  @Nullable Object find(int index, String name) {
    return index < positional.size() ? positional.get(index) : named.get(name);
  }

  Object get(int index, String name, Object otherwise) {
    Object value = find(index, name);
    return value == null ? otherwise : value;
  }

  Object required(int index, String name) {
    Object value = find(index, name);
    if (value == null) {
      throw new Fault("missing argument '" + name + "'");
    }
    return value;
  }

  Text text(int index, String name) {
    return Values.requireText(required(index, name));
  }

  Text text(int index, String name, Text otherwise) {
    Object value = find(index, name);
    return value == null || value == None.NONE ? otherwise : Values.requireText(value);
  }

  boolean flag(int index, String name, boolean otherwise) {
    Object value = find(index, name);
    return value == null ? otherwise : Values.isTrue(value);
  }

  long integer(int index, String name, long otherwise) {
    Object value = find(index, name);
    return value == null || value == None.NONE ? otherwise : Values.requireInteger(value);
  }

  /** Without the first positional arguments. */
  Arguments skip(int count) {
    int from = Math.min(count, positional.size());
    return new Arguments(positional.subList(from, positional.size()), named);
  }
}

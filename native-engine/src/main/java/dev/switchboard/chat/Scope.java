package dev.switchboard.chat;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Variables of a template, an iteration or a macro call, and those around them. */
final class Scope {
  private final @Nullable Scope outer;
  private @Nullable Map<String, Object> variables;

  Scope(@Nullable Scope outer) {
    this.outer = outer;
  }

  void set(String name, Object value) {
    Map<String, Object> map = variables;
    if (map == null) {
      map = new HashMap<>();
      variables = map;
    }
    map.put(name, value);
  }

  @Nullable Object find(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.variables == null ? null : scope.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    return null;
  }
}

package dev.switchboard.chat;

import java.util.HashMap;
import java.util.Map;

/** All filters by name. */
final class Filters {
  private static final Map<String, Filter> FILTERS = new HashMap<>();

  static {
    FILTERS.putAll(TextFilters.FILTERS);
    FILTERS.putAll(ScalarFilters.FILTERS);
    FILTERS.putAll(ListFilters.FILTERS);
    FILTERS.putAll(SelectFilters.FILTERS);
  }

  private Filters() {}

  static boolean exists(String name) {
    return FILTERS.containsKey(name);
  }

  static Object apply(String name, Interpreter interpreter, Object value, Arguments arguments) {
    Filter filter = FILTERS.get(name);
    if (filter == null) {
      throw new Fault("no filter named '" + name + "'");
    }
    interpreter.budget().chars(value instanceof Text text ? text.length() : 1);
    return filter.apply(interpreter, value, arguments);
  }
}

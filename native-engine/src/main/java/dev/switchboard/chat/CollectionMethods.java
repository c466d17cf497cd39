package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Methods of dicts, lists and tuples. Those that change their owner are left out, as in Jinja's
 * immutable sandbox: a template that calls one is refused, and no value can come to hold itself.
 */
final class CollectionMethods {
  private static Map<Object, Object> copy(Map<Object, Object> map, Budget budget) {
    budget.elements(map.size());
    return new LinkedHashMap<>(map);
  }

  private static final Map<String, Filter> OF_MAP =
      Map.of(
          "copy", (in, value, a) -> copy(Values.map(value), in.budget()),
          "get", (in, value, a) -> get(Values.map(value), a),
          "items", (in, value, a) -> items(Values.map(value), in.budget()),
          "keys", (in, value, a) -> Values.iterate(value, in.budget()),
          "values", (in, value, a) -> values(Values.map(value), in.budget()));

  private static final Map<String, Filter> OF_TUPLE =
      Map.of(
          "count", (in, value, a) -> count(value, a.required(0, "value"), in.budget()),
          "index", (in, value, a) -> index(value, a.required(0, "value"), in.budget()));

  private static final Map<String, Filter> OF_LIST =
      Map.of(
          "copy", (in, value, a) -> Values.iterate(value, in.budget()),
          "count", (in, value, a) -> count(value, a.required(0, "value"), in.budget()),
          "index", (in, value, a) -> index(value, a.required(0, "value"), in.budget()));

  private CollectionMethods() {}

  static @Nullable Filter findForMap(String name) {
    return OF_MAP.get(name);
  }

  static @Nullable Filter findForList(String name) {
    return OF_LIST.get(name);
  }

  static @Nullable Filter findForTuple(String name) {
    return OF_TUPLE.get(name);
  }

  private static Object get(Map<Object, Object> map, Arguments arguments) {
    Object value = map.get(Values.key(arguments.required(0, "key")));
    return value == null ? arguments.get(1, "default", None.NONE) : value;
  }

  static List<Object> items(Map<Object, Object> map, Budget budget) {
    budget.elements(map.size());
    List<Object> items = new ArrayList<>(map.size());
    map.forEach((key, value) -> items.add(Tuple.of(key, value)));
    return items;
  }

  private static Object values(Map<Object, Object> map, Budget budget) {
    budget.elements(map.size());
    return new ArrayList<>(map.values());
  }

  private static Object count(Object owner, Object wanted, Budget budget) {
    long count = 0;
    for (Object item : Values.iterate(owner, budget)) {
      count += Values.equal(item, wanted, budget) ? 1 : 0;
    }
    return count;
  }

  private static Object index(Object owner, Object wanted, Budget budget) {
    List<Object> items = Values.iterate(owner, budget);
    for (int i = 0; i < items.size(); i++) {
      if (Values.equal(items.get(i), wanted, budget)) {
        return (long) i;
      }
    }
    throw new Fault("value is not in list");
  }
}

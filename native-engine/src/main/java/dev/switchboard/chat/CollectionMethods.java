package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Methods of dicts, lists and tuples. Those that change their owner are harmless: every value
 * belongs to one rendering.
 */
final class CollectionMethods {
  private static final Map<String, Filter> OF_MAP =
      Map.ofEntries(
          Map.entry("get", (in, value, a) -> get(Values.map(value), a)),
          Map.entry("items", (in, value, a) -> items(Values.map(value), in.budget())),
          Map.entry("keys", (in, value, a) -> Values.iterate(value, in.budget())),
          Map.entry("values", (in, value, a) -> values(Values.map(value), in.budget())),
          Map.entry("copy", (in, value, a) -> new LinkedHashMap<>(Values.map(value))),
          Map.entry("pop", (in, value, a) -> popKey(Values.map(value), a)),
          Map.entry("setdefault", (in, value, a) -> setDefault(Values.map(value), a)),
          Map.entry("update", (in, value, a) -> update(Values.map(value), a)));

  private static final Map<String, Filter> OF_TUPLE =
      Map.of(
          "count", (in, value, a) -> count(value, a.required(0, "value"), in.budget()),
          "index", (in, value, a) -> index(value, a.required(0, "value"), in.budget()));

  private static final Map<String, Filter> OF_LIST =
      Map.ofEntries(
          Map.entry("count", (in, value, a) -> count(value, a.required(0, "value"), in.budget())),
          Map.entry("index", (in, value, a) -> index(value, a.required(0, "value"), in.budget())),
          Map.entry("copy", (in, value, a) -> Values.iterate(value, in.budget())),
          Map.entry(
              "append", (in, value, a) -> append(list(value), a.required(0, "x"), in.budget())),
          Map.entry(
              "extend", (in, value, a) -> extend(list(value), a.required(0, "x"), in.budget())),
          Map.entry("insert", (in, value, a) -> insert(list(value), a, in.budget())),
          Map.entry("pop", (in, value, a) -> popIndex(list(value), a.integer(0, "index", -1))),
          Map.entry("reverse", (in, value, a) -> reverse(list(value), in.budget())));

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

  @SuppressWarnings("unchecked")
  private static List<Object> list(Object value) {
    return (List<Object>) value;
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

  private static Object popKey(Map<Object, Object> map, Arguments arguments) {
    Object value = map.remove(Values.key(arguments.required(0, "key")));
    return value == null ? arguments.required(1, "default") : value;
  }

  private static Object setDefault(Map<Object, Object> map, Arguments arguments) {
    Object key = Values.key(arguments.required(0, "key"));
    return map.computeIfAbsent(key, absent -> arguments.get(1, "default", None.NONE));
  }

  private static Object update(Map<Object, Object> map, Arguments arguments) {
    Object other = arguments.find(0, "other");
    if (other != null) {
      map.putAll(Values.requireMap(other));
    }
    arguments.named().forEach((name, value) -> map.put(Text.literal(name), value));
    return None.NONE;
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

  private static Object append(List<Object> list, Object value, Budget budget) {
    requireRoom(list, 1, budget);
    list.add(value);
    return None.NONE;
  }

  /** Growing by a few must not cost as much as the whole list. */
  private static void requireRoom(List<Object> list, int more, Budget budget) {
    budget.steps(more);
    if ((long) list.size() + more > budget.limits().elements()) {
      budget.elements((long) list.size() + more);
    }
  }

  private static Object extend(List<Object> list, Object values, Budget budget) {
    List<Object> more = Values.iterate(values, budget);
    requireRoom(list, more.size(), budget);
    list.addAll(more);
    return None.NONE;
  }

  private static Object insert(List<Object> list, Arguments arguments, Budget budget) {
    budget.elements(list.size() + 1L);
    long index = arguments.integer(0, "index", 0);
    long position = Math.clamp(index < 0 ? index + list.size() : index, 0L, list.size());
    list.add((int) position, arguments.required(1, "x"));
    return None.NONE;
  }

  private static Object popIndex(List<Object> list, long index) {
    long position = index < 0 ? index + list.size() : index;
    if (position < 0 || position >= list.size()) {
      throw new Fault("pop index out of range");
    }
    return list.remove((int) position);
  }

  private static Object reverse(List<Object> list, Budget budget) {
    budget.steps(list.size());
    Collections.reverse(list);
    return None.NONE;
  }
}

package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Filters of collections as a whole. */
final class ListFilters {
  static final Map<String, Filter> FILTERS =
      Map.ofEntries(
          Map.entry("batch", ListFilters::batch),
          Map.entry("dictsort", ListFilters::sortDict),
          Map.entry("first", (in, v, a) -> end(v, true, in.budget())),
          Map.entry("groupby", ListFilters::groupBy),
          Map.entry("items", (in, v, a) -> items(v, in.budget())),
          Map.entry("join", ListFilters::join),
          Map.entry("last", (in, v, a) -> end(v, false, in.budget())),
          Map.entry("list", (in, v, a) -> Values.iterate(v, in.budget())),
          Map.entry("max", (in, v, a) -> extreme(in, v, a, -1)),
          Map.entry("min", (in, v, a) -> extreme(in, v, a, 1)),
          Map.entry("reverse", (in, v, a) -> reverse(v, in.budget())),
          Map.entry("slice", ListFilters::slice),
          Map.entry("sort", ListFilters::sort),
          Map.entry("sum", ListFilters::sum),
          Map.entry("unique", ListFilters::unique));

  private ListFilters() {}

  private static Object end(Object value, boolean first, Budget budget) {
    List<Object> items = Values.iterate(value, budget);
    if (items.isEmpty()) {
      String which = first ? "first" : "last";
      return new Undefined("no " + which + " item, sequence was empty");
    }
    return first ? items.getFirst() : items.getLast();
  }

  private static Object items(Object value, Budget budget) {
    if (value instanceof Undefined) {
      return new OneShot(List.of());
    }
    return new OneShot(CollectionMethods.items(Values.requireMap(value), budget));
  }

  private static Object join(Interpreter in, Object value, Arguments arguments) {
    Budget budget = in.budget();
    Text separator = PythonText.str(arguments.get(0, "d", Text.EMPTY), budget);
    Object attribute = arguments.get(1, "attribute", None.NONE);
    TextBuilder out = new TextBuilder(budget);
    boolean first = true;
    for (Object item : Values.iterate(value, budget)) {
      out.append(first ? Text.EMPTY : separator);
      PythonText.appendStr(out, AttributePath.get(item, attribute, budget), budget);
      first = false;
    }
    return out.toText();
  }

  private static Object reverse(Object value, Budget budget) {
    List<Object> items = Values.iterate(value, budget);
    Collections.reverse(items);
    if (!(value instanceof Text)) {
      return new OneShot(items);
    }
    TextBuilder out = new TextBuilder(budget);
    items.forEach(item -> out.append((Text) item));
    return out.toText();
  }

  private static Object sort(Interpreter in, Object value, Arguments arguments) {
    List<Object> items = Values.iterate(value, in.budget());
    boolean reverse = arguments.flag(0, "reverse", false);
    boolean exactCase = arguments.flag(1, "case_sensitive", false);
    Object attribute = arguments.get(2, "attribute", None.NONE);
    return sorted(
        items, item -> keys(item, attribute, exactCase, in.budget()), reverse, in.budget());
  }

  /** Sorts by a key made once for each item. */
  private static List<Object> sorted(
      List<Object> items, Function<Object, Object> key, boolean reverse, Budget budget) {
    List<Tuple> keyed = new ArrayList<>(items.size());
    items.forEach(item -> keyed.add(Tuple.of(key.apply(item), item)));
    Comparator<Tuple> order =
        (a, b) -> Values.compare(a.items().getFirst(), b.items().getFirst(), budget);
    keyed.sort(reverse ? order.reversed() : order);
    List<Object> sorted = new ArrayList<>(items.size());
    keyed.forEach(pair -> sorted.add(pair.items().getLast()));
    return sorted;
  }

  /** The sort key: several attributes may be given with commas. */
  private static Object keys(Object item, Object attribute, boolean exactCase, Budget budget) {
    if (!(attribute instanceof Text names) || names.value().indexOf(',') < 0) {
      return key(AttributePath.get(item, attribute, budget), exactCase, budget);
    }
    List<Object> keys = new ArrayList<>();
    for (String name : names.value().split(",", -1)) {
      keys.add(key(AttributePath.get(item, Text.literal(name), budget), exactCase, budget));
    }
    return new Tuple(keys);
  }

  private static Object key(Object value, boolean exactCase, Budget budget) {
    return value instanceof Text text && !exactCase ? TextCase.lower(text, budget) : value;
  }

  private static Object sortDict(Interpreter in, Object value, Arguments arguments) {
    boolean exactCase = arguments.flag(0, "case_sensitive", false);
    String by = arguments.text(1, "by", Text.literal("key")).value();
    boolean reverse = arguments.flag(2, "reverse", false);
    if (!by.equals("key") && !by.equals("value")) {
      throw new Fault("you can only sort by either \"key\" or \"value\"");
    }
    int position = by.equals("key") ? 0 : 1;
    List<Object> items = CollectionMethods.items(Values.requireMap(value), in.budget());
    return sorted(
        items,
        item -> key(((Tuple) item).items().get(position), exactCase, in.budget()),
        reverse,
        in.budget());
  }

  private static Object extreme(Interpreter in, Object value, Arguments arguments, int sign) {
    boolean exactCase = arguments.flag(0, "case_sensitive", false);
    Object attribute = arguments.get(1, "attribute", None.NONE);
    Budget budget = in.budget();
    Object best = null;
    Object bestKey = None.NONE;
    for (Object item : Values.iterate(value, budget)) {
      Object key = keys(item, attribute, exactCase, budget);
      if (best == null || sign * Values.compare(key, bestKey, budget) < 0) {
        best = item;
        bestKey = key;
      }
    }
    return best == null ? new Undefined("no aggregated item, sequence was empty") : best;
  }

  private static Object sum(Interpreter in, Object value, Arguments arguments) {
    Object attribute = arguments.get(0, "attribute", None.NONE);
    Object sum = arguments.get(1, "start", 0L);
    for (Object item : Values.iterate(value, in.budget())) {
      Object next = AttributePath.get(item, attribute, in.budget());
      sum = Arithmetics.apply(Operator.ADD, sum, next, in.budget());
    }
    return sum;
  }

  private static Object unique(Interpreter in, Object value, Arguments arguments) {
    boolean exactCase = arguments.flag(0, "case_sensitive", false);
    Object attribute = arguments.get(1, "attribute", None.NONE);
    Map<Object, Object> seen = new LinkedHashMap<>();
    for (Object item : Values.iterate(value, in.budget())) {
      Object key = key(AttributePath.get(item, attribute, in.budget()), exactCase, in.budget());
      seen.putIfAbsent(canonical(Values.key(key)), item);
    }
    return new OneShot(new ArrayList<>(seen.values()));
  }

  /** Equal numbers of different types are the same to Python. */
  private static Object canonical(Object key) {
    if (key instanceof Boolean flag) {
      return flag ? 1L : 0L;
    }
    return key instanceof Double real && real == (long) (double) real
        ? (Object) (long) (double) real
        : key;
  }

  private static Object groupBy(Interpreter in, Object value, Arguments arguments) {
    Budget budget = in.budget();
    Object attribute = arguments.required(0, "attribute");
    Object otherwise = arguments.get(1, "default", None.NONE);
    boolean exactCase = arguments.flag(2, "case_sensitive", false);
    List<Object> groups = new ArrayList<>();
    List<Object> group = new ArrayList<>();
    Object last = None.NONE;
    for (Object item :
        sorted(
            Values.iterate(value, budget),
            each -> key(AttributePath.get(each, attribute, otherwise, budget), exactCase, budget),
            false,
            budget)) {
      Object found = AttributePath.get(item, attribute, otherwise, budget);
      Object key = key(found, exactCase, budget);
      if (group.isEmpty() || !Values.equal(key, last, budget)) {
        group = new ArrayList<>();
        groups.add(Tuple.of(found, group));
        last = key;
      }
      group.add(item);
    }
    return groups;
  }

  private static Object batch(Interpreter in, Object value, Arguments arguments) {
    long size = Math.max(1, arguments.integer(0, "linecount", 1));
    Object fill = arguments.get(1, "fill_with", None.NONE);
    List<Object> items = Values.iterate(value, in.budget());
    List<Object> batches = new ArrayList<>();
    for (long i = 0; i < items.size(); i += size) {
      int end = (int) Math.min(items.size(), i + size);
      List<Object> batch = new ArrayList<>(items.subList((int) i, end));
      if (fill != None.NONE) {
        in.budget().elements(size);
        batch.addAll(Collections.nCopies((int) size - batch.size(), fill));
      }
      batches.add(batch);
    }
    return new OneShot(batches);
  }

  /** So many lists of nearly equal length. */
  private static Object slice(Interpreter in, Object value, Arguments arguments) {
    long slices = Math.max(1, arguments.integer(0, "slices", 1));
    Object fill = arguments.get(1, "fill_with", None.NONE);
    in.budget().elements(slices);
    List<Object> items = Values.iterate(value, in.budget());
    int each = items.size() / (int) slices;
    int longer = items.size() % (int) slices;
    List<Object> result = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < slices; i++) {
      int to = from + each + (i < longer ? 1 : 0);
      List<Object> part = new ArrayList<>(items.subList(from, to));
      if (fill != None.NONE && i >= longer) {
        part.add(fill);
      }
      result.add(part);
      from = to;
    }
    return new OneShot(result);
  }
}

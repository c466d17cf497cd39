package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Filters that keep or map items one by one. */
final class SelectFilters {
  static final Map<String, Filter> FILTERS =
      Map.of(
          "map", SelectFilters::map,
          "select", (in, v, a) -> select(in, v, a, false, true),
          "reject", (in, v, a) -> select(in, v, a, false, false),
          "selectattr", (in, v, a) -> select(in, v, a, true, true),
          "rejectattr", (in, v, a) -> select(in, v, a, true, false));

  private SelectFilters() {}

  private static Object map(Interpreter in, Object value, Arguments arguments) {
    Object attribute = arguments.named().get("attribute");
    List<Object> mapped = new ArrayList<>();
    for (Object item : items(value, in.budget())) {
      if (attribute != null && arguments.positional().isEmpty()) {
        Object otherwise = arguments.named().getOrDefault("default", None.NONE);
        mapped.add(AttributePath.get(item, attribute, otherwise, in.budget()));
      } else {
        String filter = arguments.text(0, "filter").value();
        mapped.add(Filters.apply(filter, in, item, arguments.skip(1)));
      }
    }
    return new OneShot(mapped);
  }

  private static Object select(
      Interpreter in, Object value, Arguments arguments, boolean byAttribute, boolean keep) {
    Object attribute = byAttribute ? arguments.required(0, "attribute") : None.NONE;
    Arguments test = arguments.skip(byAttribute ? 1 : 0);
    List<Object> kept = new ArrayList<>();
    for (Object item : items(value, in.budget())) {
      Object tested = AttributePath.get(item, attribute, in.budget());
      if (holds(in, tested, test) == keep) {
        kept.add(item);
      }
    }
    return new OneShot(kept);
  }

  /** These filters take what is false, None included, for an empty sequence. */
  private static List<Object> items(Object value, Budget budget) {
    return Values.isTrue(value) ? Values.iterate(value, budget) : List.of();
  }

  /** Without a test, truth is tested. */
  private static boolean holds(Interpreter in, Object value, Arguments test) {
    return test.positional().isEmpty()
        ? Values.isTrue(value)
        : Tests.apply(test.text(0, "test").value(), in, value, test.skip(1));
  }
}

package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Functions every template may call. */
final class Globals {
  static final Map<String, Object> FUNCTIONS =
      Map.of(
          "range", (Callable) Globals::range,
          "dict", (Callable) Globals::dict,
          "namespace", (Callable) Globals::namespace,
          "cycler", (Callable) (in, a) -> new Cycler(a.positional()),
          "joiner", (Callable) (in, a) -> joiner(a.text(0, "sep", Text.literal(", "))),
          "raise_exception", (Callable) Globals::raise,
          "strftime_now", (Callable) Globals::formatNow);

  private Globals() {}

  private static Object range(Interpreter in, Arguments arguments) {
    boolean single = arguments.positional().size() == 1;
    long start = single ? 0 : arguments.integer(0, "start", 0);
    long stop = Values.requireInteger(arguments.required(single ? 0 : 1, "stop"));
    long step = arguments.integer(2, "step", 1);
    if (step == 0) {
      throw new Fault("range() arg 3 must not be zero");
    }
    List<Object> numbers = new ArrayList<>();
    int most = in.budget().limits().elements();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      in.budget().step();
      if (numbers.size() == most) {
        in.budget().elements(most + 1L);
      }
      numbers.add(i);
      if (step > 0 ? i > Long.MAX_VALUE - step : i < Long.MIN_VALUE - step) {
        break;
      }
    }
    return numbers;
  }

  private static Map<Object, Object> dict(Interpreter in, Arguments arguments) {
    Map<Object, Object> map = new LinkedHashMap<>();
    if (!arguments.positional().isEmpty()) {
      addAll(map, arguments.positional().getFirst(), in.budget());
    }
    arguments.named().forEach((name, value) -> map.put(Text.literal(name), value));
    return map;
  }

  /** From another dict or from pairs. */
  private static void addAll(Map<Object, Object> map, Object source, Budget budget) {
    if (source instanceof Map<?, ?> other) {
      budget.elements(other.size());
      map.putAll(Values.map(source));
      return;
    }
    for (Object pair : Values.iterate(source, budget)) {
      List<Object> items = Values.iterate(pair, budget);
      if (items.size() != 2) {
        throw new Fault("dict() needs pairs");
      }
      map.put(Values.key(items.getFirst()), items.getLast());
    }
  }

  private static Object namespace(Interpreter in, Arguments arguments) {
    Namespace namespace = new Namespace();
    dict(in, arguments)
        .forEach(
            (name, value) -> namespace.attributes().put(Values.requireText(name).value(), value));
    return namespace;
  }

  /** Empty at the first call, the separator afterwards. */
  private static Callable joiner(Text separator) {
    boolean[] used = {false};
    return (interpreter, arguments) -> {
      Text result = used[0] ? separator : Text.EMPTY;
      used[0] = true;
      return result;
    };
  }

  private static Object raise(Interpreter in, Arguments arguments) {
    Text message = PythonText.str(arguments.required(0, "message"), in.budget());
    throw new ChatTemplate.TemplateException(message.value());
  }

  private static Object formatNow(Interpreter in, Arguments arguments) {
    return Text.literal(Strftime.format(arguments.text(0, "format").value(), in.clock()));
  }
}

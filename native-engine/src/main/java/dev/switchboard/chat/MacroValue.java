package dev.switchboard.chat;

import dev.switchboard.chat.Statement.Macro;
import dev.switchboard.chat.Statement.Parameter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A macro with the scope it was defined in.
 *
 * @param scope where its free names are looked up
 */
record MacroValue(Macro macro, Scope scope) implements Callable {
  /** What a macro gets beside its parameters, where its body reads them. */
  static final Set<String> SPECIAL = Set.of("caller", "varargs", "kwargs");

  @Nullable Object attribute(String name) {
    return switch (name) {
      case "name" -> Text.literal(macro.name());
      case "arguments" ->
          new Tuple(macro.parameters().stream().<Object>map(p -> Text.literal(p.name())).toList());
      case "caller" -> macro.reads().contains("caller");
      case "catch_kwargs" -> macro.reads().contains("kwargs");
      case "catch_varargs" -> macro.reads().contains("varargs");
      default -> null;
    };
  }

  @Override
  public Object call(Interpreter interpreter, Arguments arguments) {
    Scope inner = new Scope(scope);
    List<Parameter> parameters = macro.parameters();
    List<Object> positional = arguments.positional();
    Map<String, Object> named = new LinkedHashMap<>(arguments.named());
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      Object given = i < positional.size() ? positional.get(i) : named.remove(parameter.name());
      inner.set(parameter.name(), given != null ? given : otherwise(parameter, interpreter, inner));
    }
    if (macro.reads().contains("caller")) {
      Object caller = named.remove("caller");
      inner.set("caller", caller != null ? caller : new Undefined("no caller defined"));
    }
    takeNamed(named, inner);
    takeMore(arguments.skip(parameters.size()).positional(), inner);
    return interpreter.capture(out -> interpreter.execute(macro.body(), inner, out));
  }

  private void takeNamed(Map<String, Object> named, Scope inner) {
    if (macro.reads().contains("kwargs")) {
      Map<Object, Object> all = new LinkedHashMap<>();
      named.forEach((name, value) -> all.put(Text.literal(name), value));
      inner.set("kwargs", all);
    } else if (!named.isEmpty()) {
      String first = named.keySet().iterator().next();
      throw new Fault("macro '" + macro.name() + "' takes no keyword argument '" + first + "'");
    }
  }

  private void takeMore(List<Object> more, Scope inner) {
    if (macro.reads().contains("varargs")) {
      inner.set("varargs", new Tuple(more));
    } else if (!more.isEmpty()) {
      int most = macro.parameters().size();
      throw new Fault("macro '" + macro.name() + "' takes not more than " + most + " argument(s)");
    }
  }

  private static Object otherwise(Parameter parameter, Interpreter interpreter, Scope scope) {
    return parameter.otherwise() == null
        ? new Undefined("parameter '" + parameter.name() + "' was not provided")
        : interpreter.evaluate(parameter.otherwise(), scope);
  }
}

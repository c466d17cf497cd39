package dev.switchboard.chat;

import dev.switchboard.chat.Statement.Macro;
import dev.switchboard.chat.Statement.Parameter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A macro with the scope it was defined in.
 *
 * @param scope where its free names are looked up
 */
record MacroValue(Macro macro, Scope scope) implements Callable {

  @Override
  public Object call(Interpreter interpreter, Arguments arguments) {
    Scope inner = new Scope(scope);
    List<Parameter> parameters = macro.parameters();
    Map<String, Object> extra = new LinkedHashMap<>(arguments.named());
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      Object given = arguments.find(i, parameter.name());
      extra.remove(parameter.name());
      inner.set(parameter.name(), given != null ? given : otherwise(parameter, interpreter, inner));
    }
    Object caller = extra.remove("caller");
    inner.set("caller", caller != null ? caller : new Undefined("no caller defined"));
    inner.set("varargs", new Tuple(arguments.skip(parameters.size()).positional()));
    Map<Object, Object> named = new LinkedHashMap<>();
    extra.forEach((name, value) -> named.put(Text.literal(name), value));
    inner.set("kwargs", named);
    return interpreter.capture(out -> interpreter.execute(macro.body(), inner, out));
  }

  private static Object otherwise(Parameter parameter, Interpreter interpreter, Scope scope) {
    return parameter.otherwise() == null
        ? new Undefined("parameter '" + parameter.name() + "' was not provided")
        : interpreter.evaluate(parameter.otherwise(), scope);
  }
}

package dev.switchboard.chat;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What may follow {@code is}. */
final class Tests {
  @FunctionalInterface
  private interface Test {
    boolean holds(Object value, Arguments arguments, Budget budget);
  }

  private static final Map<String, Test> TESTS =
      Map.ofEntries(
          Map.entry("boolean", (v, a, b) -> v instanceof Boolean),
          Map.entry("callable", (v, a, b) -> v instanceof Callable),
          Map.entry("defined", (v, a, b) -> !(v instanceof Undefined)),
          Map.entry("divisibleby", (v, a, b) -> modulo(v, number(other(a))) == 0),
          Map.entry("escaped", (v, a, b) -> v instanceof Text text && text.isMarkup()),
          Map.entry("even", (v, a, b) -> modulo(v, 2L) == 0),
          Map.entry("false", (v, a, b) -> Boolean.FALSE.equals(v)),
          Map.entry("filter", (v, a, b) -> Filters.exists(Values.requireText(v).value())),
          Map.entry("float", (v, a, b) -> v instanceof Double),
          Map.entry("in", (v, a, b) -> Values.contains(other(a), v, b)),
          Map.entry("integer", (v, a, b) -> Values.isInteger(v)),
          Map.entry("iterable", (v, a, b) -> Values.isIterable(v)),
          Map.entry("lower", (v, a, b) -> TextCase.isLower(PythonText.str(v, b))),
          Map.entry("mapping", (v, a, b) -> v instanceof Map<?, ?>),
          Map.entry("none", (v, a, b) -> v == None.NONE),
          Map.entry("number", (v, a, b) -> Values.isNumber(v)),
          Map.entry("odd", (v, a, b) -> modulo(v, 2L) == 1),
          Map.entry("sameas", (v, a, b) -> isSame(v, other(a))),
          Map.entry("sequence", (v, a, b) -> isSequence(v)),
          Map.entry("string", (v, a, b) -> v instanceof Text),
          Map.entry("test", (v, a, b) -> find(Values.requireText(v).value()) != null),
          Map.entry("true", (v, a, b) -> Boolean.TRUE.equals(v)),
          Map.entry("undefined", (v, a, b) -> v instanceof Undefined),
          Map.entry("upper", (v, a, b) -> TextCase.isUpper(PythonText.str(v, b))));

  /** Other spellings of the relations. */
  private static final Map<String, String> RELATIONS =
      Map.ofEntries(
          Map.entry("==", "=="),
          Map.entry("eq", "=="),
          Map.entry("equalto", "=="),
          Map.entry("!=", "!="),
          Map.entry("ne", "!="),
          Map.entry(">", ">"),
          Map.entry("gt", ">"),
          Map.entry("greaterthan", ">"),
          Map.entry(">=", ">="),
          Map.entry("ge", ">="),
          Map.entry("<", "<"),
          Map.entry("lt", "<"),
          Map.entry("lessthan", "<"),
          Map.entry("<=", "<="),
          Map.entry("le", "<="));

  private Tests() {}

  static boolean apply(String name, Interpreter interpreter, Object value, Arguments arguments) {
    Test test = find(name);
    if (test == null) {
      throw new Fault("no test named '" + name + "'");
    }
    interpreter.budget().step();
    return test.holds(value, arguments, interpreter.budget());
  }

  private static @Nullable Test find(String name) {
    String sign = RELATIONS.get(name);
    return sign == null
        ? TESTS.get(name)
        : (value, arguments, budget) -> Arithmetics.holds(sign, value, other(arguments), budget);
  }

  private static Object other(Arguments arguments) {
    return arguments.required(0, "other");
  }

  private static double modulo(Object value, Object divisor) {
    Object rest = Numbers.apply(Operator.MODULO, number(value), divisor);
    return Values.requireReal(rest);
  }

  private static Object number(Object value) {
    return value instanceof Double ? value : (Object) Values.requireInteger(value);
  }

  /** Python's identity, which for small values is equality of value and type. */
  @SuppressWarnings("ReferenceEquality")
  private static boolean isSame(Object value, Object other) {
    boolean scalar = value instanceof Number || value instanceof Boolean || value instanceof Text;
    return scalar ? value.equals(other) : value == other;
  }

  private static boolean isSequence(Object value) {
    return value instanceof Text
        || value instanceof List<?>
        || value instanceof Tuple
        || value instanceof Map<?, ?>
        || value instanceof Undefined;
  }
}

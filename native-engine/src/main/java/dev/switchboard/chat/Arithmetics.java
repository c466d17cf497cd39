package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.List;

/** Operators between values of all kinds. */
final class Arithmetics {
  private Arithmetics() {}

  static Object apply(Operator operator, Object left, Object right, Budget budget) {
    if (Values.isNumber(left) && Values.isNumber(right)) {
      return Numbers.apply(operator, left, right);
    }
    if (left instanceof Undefined undefined) {
      throw undefined.fault();
    }
    if (operator == Operator.MODULO && left instanceof Text format) {
      return PercentFormat.format(format, right, budget);
    }
    if (right instanceof Undefined undefined) {
      throw undefined.fault();
    }
    return switch (operator) {
      case ADD -> add(left, right, budget);
      case MULTIPLY -> multiply(left, right, budget);
      case SUBTRACT, DIVIDE, FLOOR_DIVIDE, MODULO, POWER -> throw mismatch(operator, left, right);
    };
  }

  private static Fault mismatch(Operator operator, Object left, Object right) {
    String types = "'" + Values.typeName(left) + "' and '" + Values.typeName(right) + "'";
    return new Fault("'" + operator.sign() + "' does not work between " + types);
  }

  private static Object add(Object left, Object right, Budget budget) {
    if (left instanceof Text a && right instanceof Text b) {
      return join(a, b, budget);
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      return joinLists(a, b, budget);
    }
    if (left instanceof Tuple a && right instanceof Tuple b) {
      return new Tuple(joinLists(a.items(), b.items(), budget));
    }
    throw mismatch(Operator.ADD, left, right);
  }

  private static Text join(Text left, Text right, Budget budget) {
    if (!left.isMarkup() && !right.isMarkup()) {
      return new TextBuilder(budget).append(left).append(right).toText();
    }
    Text first = left.isMarkup() ? left : Markup.escape(left, budget);
    Text second = right.isMarkup() ? right : Markup.escape(right, budget);
    return new TextBuilder(budget).append(first).append(second).toText().asMarkup();
  }

  private static List<Object> joinLists(List<?> left, List<?> right, Budget budget) {
    budget.elements((long) left.size() + right.size());
    List<Object> joined = new ArrayList<>(left);
    joined.addAll(right);
    return joined;
  }

  private static Object multiply(Object left, Object right, Budget budget) {
    if (right instanceof Long times) {
      return repeat(left, times, right, budget);
    }
    if (left instanceof Long times) {
      return repeat(right, times, left, budget);
    }
    throw mismatch(Operator.MULTIPLY, left, right);
  }

  private static Object repeat(Object value, long times, Object other, Budget budget) {
    return switch (value) {
      case Text text -> {
        Text repeated = new TextBuilder(budget).repeat(text, bounded(times, budget)).toText();
        yield text.isMarkup() ? repeated.asMarkup() : repeated;
      }
      case List<?> list -> repeatItems(list, bounded(times, budget), budget);
      case Tuple tuple -> new Tuple(repeatItems(tuple.items(), bounded(times, budget), budget));
      default -> throw mismatch(Operator.MULTIPLY, value, other);
    };
  }

  /** So that its product with a size stays inside a long. */
  private static long bounded(long times, Budget budget) {
    return Math.clamp(times, 0, budget.limits().steps());
  }

  private static List<Object> repeatItems(List<?> items, long times, Budget budget) {
    budget.elements(times * items.size());
    List<Object> repeated = new ArrayList<>();
    for (long i = 0; i < times && !items.isEmpty(); i++) {
      repeated.addAll(items);
    }
    return repeated;
  }

  static boolean holds(String sign, Object left, Object right, Budget budget) {
    return switch (sign) {
      case "==" -> Values.equal(left, right, budget);
      case "!=" -> !Values.equal(left, right, budget);
      case "in" -> Values.contains(right, left, budget);
      case "not in" -> !Values.contains(right, left, budget);
      case "<" -> Values.compare(left, right, budget) < 0;
      case "<=" -> Values.compare(left, right, budget) <= 0;
      case ">" -> Values.compare(left, right, budget) > 0;
      case ">=" -> Values.compare(left, right, budget) >= 0;
      default -> throw new IllegalStateException(sign);
    };
  }
}

package dev.switchboard.chat;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Copies what a template is rendered with into values of its own, and marks what users wrote.
 * Trusted are only the tokens of the model ({@code bos_token} and the like) and the role of a
 * message when it is a plain word, since templates write it inside control tokens.
 */
final class Variables {
  private static final int MOST_ROLE_CHARS = 32;

  private final Budget budget;

  private Variables(Budget budget) {
    this.budget = budget;
  }

  static Scope scope(Map<String, ? extends @Nullable Object> variables, Budget budget) {
    Scope functions = new Scope(null);
    Globals.FUNCTIONS.forEach(functions::set);
    Scope scope = new Scope(functions);
    Variables copier = new Variables(budget);
    for (Map.Entry<String, ? extends @Nullable Object> entry : variables.entrySet()) {
      scope.set(entry.getKey(), copier.variable(entry.getKey(), entry.getValue()));
    }
    return new Scope(scope);
  }

  private Object variable(String name, @Nullable Object value) {
    if (value instanceof String text && name.endsWith("_token")) {
      return Text.literal(text);
    }
    Object copy = copy(value, 0);
    if (name.equals("messages") && copy instanceof List<?> messages) {
      messages.forEach(Variables::trustRole);
    }
    return copy;
  }

  private static void trustRole(Object message) {
    if (message instanceof Map<?, ?>) {
      Values.map(message)
          .computeIfPresent(
              Text.literal("role"),
              (key, role) -> isWord(role) ? Text.literal(role.toString()) : role);
    }
  }

  private static boolean isWord(Object role) {
    return role instanceof Text text
        && text.length() <= MOST_ROLE_CHARS
        && text.value().codePoints().allMatch(c -> Characters.isWord(c) || c == '-');
  }

  private Object copy(@Nullable Object value, int depth) {
    budget.step();
    budget.depth(depth);
    return switch (value) {
      case null -> None.NONE;
      case Boolean flag -> flag;
      case CharSequence text -> Text.user(text.toString());
      case Double number -> number;
      case Float number -> number.doubleValue();
      case BigInteger number -> number;
      case Number number -> number.longValue();
      case List<?> list -> copyList(list, depth);
      case Map<?, ?> map -> copyMap(map, depth);
      default -> throw new Fault("a variable has a value of an unknown kind");
    };
  }

  private List<Object> copyList(List<?> list, int depth) {
    budget.elements(list.size());
    List<Object> copy = new ArrayList<>(list.size());
    for (Object item : list) {
      copy.add(copy(item, depth + 1));
    }
    return copy;
  }

  private Map<Object, Object> copyMap(Map<?, ?> map, int depth) {
    budget.elements(map.size());
    Map<Object, Object> copy = LinkedHashMap.newLinkedHashMap(map.size());
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      copy.put(Text.user(String.valueOf(entry.getKey())), copy(entry.getValue(), depth + 1));
    }
    return copy;
  }
}

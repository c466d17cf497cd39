package dev.switchboard.chat;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code cycler(a, b)}: hands out its items in turn. */
final class Cycler {
  private final List<Object> items;
  private int position;

  Cycler(List<Object> items) {
    if (items.isEmpty()) {
      throw new Fault("at least one item has to be provided");
    }
    this.items = items;
  }

  @Nullable Object attribute(String name) {
    return switch (name) {
      case "current" -> items.get(position);
      case "next" -> (Callable) (interpreter, arguments) -> next();
      case "reset" -> (Callable) (interpreter, arguments) -> reset();
      default -> null;
    };
  }

  private Object next() {
    Object item = items.get(position);
    position = (position + 1) % items.size();
    return item;
  }

  private Object reset() {
    position = 0;
    return None.NONE;
  }
}

package dev.switchboard.chat;

import dev.switchboard.chat.Statement.For;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The variable {@code loop}; calling it runs the loop again over other items. */
final class LoopState implements Callable {
  private final For loop;
  private final Scope scope;
  private final List<Object> items;
  private final int depth;
  private int index = -1;
  private @Nullable Object lastChanged;

  LoopState(For loop, Scope scope, List<Object> items, int depth) {
    this.loop = loop;
    this.scope = scope;
    this.items = items;
    this.depth = depth;
  }

  int length() {
    return items.size();
  }

  /** Goes to the next item. */
  Object advance() {
    return items.get(++index);
  }

  Object attribute(String name) {
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) (items.size() - index);
      case "revindex0" -> items.size() - index - 1L;
      case "first" -> index == 0;
      case "last" -> index == items.size() - 1;
      case "length" -> (long) items.size();
      case "depth" -> depth + 1L;
      case "depth0" -> (long) depth;
      case "previtem" ->
          index > 0 ? items.get(index - 1) : new Undefined("there is no previous item");
      case "nextitem" ->
          index + 1 < items.size() ? items.get(index + 1) : new Undefined("there is no next item");
      case "cycle" -> (Callable) this::cycle;
      case "changed" -> (Callable) this::changed;
      default -> Undefined.attribute(this, name);
    };
  }

  private Object cycle(Interpreter interpreter, Arguments arguments) {
    List<Object> values = arguments.positional();
    if (values.isEmpty()) {
      throw new Fault("no items for cycling given");
    }
    return values.get(index % values.size());
  }

  private Object changed(Interpreter interpreter, Arguments arguments) {
    Object value = new Tuple(arguments.positional());
    boolean same = lastChanged != null && Values.equal(value, lastChanged, interpreter.budget());
    lastChanged = value;
    return !same;
  }

  @Override
  public Object call(Interpreter interpreter, Arguments arguments) {
    Object inner = arguments.required(0, "iterable");
    return interpreter.capture(out -> interpreter.runLoop(loop, inner, scope, out, depth + 1));
  }
}

package dev.switchboard.chat;

/** A filter, or a method with its owner as the value. */
@FunctionalInterface
interface Filter {
  Object apply(Interpreter interpreter, Object value, Arguments arguments);
}

package dev.switchboard.chat;

/** A value that can be called: a function, a macro, a bound method. */
@FunctionalInterface
interface Callable {
  Object call(Interpreter interpreter, Arguments arguments);
}

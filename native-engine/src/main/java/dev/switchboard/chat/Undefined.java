package dev.switchboard.chat;

/**
 * What a missing name, attribute or element evaluates to: empty when printed, iterated or tested,
 * an error when used otherwise.
 *
 * @param complaint the error's message
 */
record Undefined(String complaint) {

  static Undefined name(String name) {
    return new Undefined("'" + name + "' is undefined");
  }

  static Undefined attribute(Object owner, String name) {
    return new Undefined("'" + Values.typeName(owner) + "' has no attribute '" + name + "'");
  }

  Fault fault() {
    return new Fault(complaint);
  }
}

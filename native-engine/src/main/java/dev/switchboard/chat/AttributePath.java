package dev.switchboard.chat;

/** The argument {@code attribute} of filters: a name, an index, or several joined by dots. */
final class AttributePath {
  private AttributePath() {}

  /** The item itself when attribute is None. */
  static Object get(Object item, Object attribute, Budget budget) {
    return get(item, attribute, None.NONE, budget);
  }

  /** With a value for an attribute missing anywhere on the path, unless that is None. */
  static Object get(Object item, Object attribute, Object otherwise, Budget budget) {
    if (attribute == None.NONE) {
      return item;
    }
    Object found = item;
    if (attribute instanceof Text path) {
      for (String part : path.value().split("\\.", -1)) {
        found = orElse(Attributes.item(found, key(part), budget), otherwise);
      }
    } else {
      found = orElse(Attributes.item(found, attribute, budget), otherwise);
    }
    return found;
  }

  private static Object orElse(Object found, Object otherwise) {
    return found instanceof Undefined && otherwise != None.NONE ? otherwise : found;
  }

  private static Object key(String part) {
    boolean digits =
        !part.isEmpty() && part.length() < 10 && part.chars().allMatch(Character::isDigit);
    return digits ? (Object) Long.valueOf(part) : Text.literal(part);
  }
}

package dev.switchboard.chat;

import java.util.HashMap;
import java.util.Map;

/** The one kind of object whose attributes a template may set. */
record Namespace(Map<String, Object> attributes) {
  Namespace() {
    this(new HashMap<>());
  }
}

package dev.switchboard.chat;

import java.util.List;

/** Python's generator: true even when empty, without length, and empty at the second reading. */
final class OneShot {
  private List<Object> items;

  OneShot(List<Object> items) {
    this.items = items;
  }

  List<Object> take() {
    List<Object> taken = items;
    items = List.of();
    return taken;
  }
}

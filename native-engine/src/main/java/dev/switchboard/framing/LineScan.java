package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Looks at the lines of a message, whatever they say: how they end, and how they begin. */
final class LineScan {
  private byte last = '\n';
  private boolean first = true;
  private boolean folded;
  private boolean cut;

  /** Looks at more bytes, all of them of lines. */
  void scan(ByteBuf buffer, int from, int to) {
    for (int i = from; i < to; i++) {
      byte next = buffer.getByte(i);
      if (last == '\n' && !first) {
        folded |= next == ' ' || next == '\t';
      }
      cut |= (next == '\n') != (last == '\r');
      first = false;
      last = next;
    }
  }

  /** What is wrong with the lines since the last part of a message; null when nothing is. */
  @Nullable String complaint() {
    if (cut) {
      return "A line must end in CR LF, and hold neither.";
    }
    return folded ? "A line must not be folded." : null;
  }

  /** What was looked at is part of a message now. */
  void forget() {
    last = '\n';
    first = true;
    folded = false;
    cut = false;
  }
}

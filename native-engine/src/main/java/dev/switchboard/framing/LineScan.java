package dev.switchboard.framing;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Looks at the lines of a message: how they end, how they begin, and where a name ends. */
final class LineScan {
  private final @Nullable RequestLine request;
  private byte last = '\n';
  private boolean first = true;
  private boolean inFirstLine = true;
  private boolean inName;
  private boolean folded;
  private boolean cut;
  private boolean spaced;

  /**
   * @param request holds the first line to its grammar; null where that is no request's
   */
  LineScan(@Nullable RequestLine request) {
    this.request = request;
  }

  /** Looks at more bytes, all of them of lines. */
  void scan(ByteBuf buffer, int from, int to) {
    for (int i = from; i < to; i++) {
      byte next = buffer.getByte(i);
      if (last == '\n' && !first) {
        inFirstLine = false;
        inName = true;
        folded |= isSpace(next);
      }
      if (request != null) {
        request.next(next);
      }
      cut |= (next == '\n') != (last == '\r');
      if (next == ':' && inName) {
        inName = false;
        spaced |= !inFirstLine && isSpace(last);
      }
      first = false;
      last = next;
    }
  }

  private static boolean isSpace(byte next) {
    return next == ' ' || next == '\t';
  }

  /** What is wrong with the lines since the last part of a message; null when nothing is. */
  @Nullable String complaint() {
    if (cut) {
      return "A line must end in CR LF, and hold neither.";
    }
    if (spaced) {
      return "A header's name must stand right before its colon.";
    }
    if (folded) {
      return "A line must not be folded.";
    }
    return request == null ? null : request.complaint();
  }

  /** A line follows that is the first of its kind. */
  void begin() {
    last = '\n';
    first = true;
    inFirstLine = true;
    inName = false;
  }

  /** Another message follows. */
  void ended() {
    if (request != null) {
      request.begin();
    }
  }

  /** What was looked at is part of a message now. */
  void forget() {
    begin();
    folded = false;
    cut = false;
    spaced = false;
  }
}

package dev.switchboard.gateway.stream;

import io.vertx.core.buffer.Buffer;

/** A body that arrives in pieces; one that came in a single piece is not copied. */
public final class Pieces {
  private Buffer joined = Buffer.buffer(0);
  private boolean owned;

  public int length() {
    return joined.length();
  }

  public void add(Buffer piece) {
    if (joined.length() == 0) {
      joined = piece;
      return;
    }
    if (!owned) {
      joined = Buffer.buffer(joined.length() + piece.length()).appendBuffer(joined);
      owned = true;
    }
    joined.appendBuffer(piece);
  }

  /** The pieces one after the other. */
  public Buffer joined() {
    return joined;
  }
}

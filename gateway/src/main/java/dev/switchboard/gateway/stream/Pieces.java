package dev.switchboard.gateway.stream;

import io.netty.buffer.ByteBuf;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.internal.buffer.BufferInternal;
import org.jspecify.annotations.Nullable;

/** A body that arrives in pieces; one that came in a single piece is not copied. */
public final class Pieces {
  /** Null before the first piece. */
  private @Nullable Buffer joined;

  private boolean owned;

  public int length() {
    return joined == null ? 0 : joined.length();
  }

  public void add(Buffer piece) {
    if (joined == null || joined.length() == 0) {
      joined = piece;
      return;
    }
    if (!owned) {
      joined = Buffer.buffer(joined.length() + piece.length()).appendBuffer(joined);
      owned = true;
    }
    joined.appendBuffer(piece);
  }

  /**
   * The bytes of a buffer for whoever only reads them: those of the buffer itself where it has
   * nothing else, as one that was read in a single piece.
   */
  public static byte[] bytes(Buffer buffer) {
    ByteBuf held = ((BufferInternal) buffer).getByteBuf();
    boolean all =
        held.hasArray()
            && held.arrayOffset() == 0
            && held.readerIndex() == 0
            && held.array().length == buffer.length();
    return all ? held.array() : buffer.getBytes();
  }

  /** The pieces one after the other. */
  public Buffer joined() {
    return joined == null ? Buffer.buffer() : joined;
  }
}

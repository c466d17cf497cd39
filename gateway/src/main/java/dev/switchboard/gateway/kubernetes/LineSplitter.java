package dev.switchboard.gateway.kubernetes;

import io.vertx.core.buffer.Buffer;
import java.util.function.Consumer;

/** Cuts what comes into lines, each of a bounded length. */
final class LineSplitter {
  private final int mostBytes;
  private final Consumer<byte[]> line;
  private Buffer rest = Buffer.buffer();

  LineSplitter(int mostBytes, Consumer<byte[]> line) {
    this.mostBytes = mostBytes;
    this.line = line;
  }

  /**
   * Takes what came.
   *
   * @return whether no line is too long
   */
  boolean add(Buffer piece) {
    int begin = 0;
    for (int i = 0; i < piece.length(); i++) {
      if (piece.getByte(i) == '\n') {
        rest.appendBuffer(piece, begin, i - begin);
        if (rest.length() > mostBytes) {
          return false;
        }
        if (rest.length() > 0) {
          byte[] whole = rest.getBytes();
          rest = Buffer.buffer();
          line.accept(whole);
        }
        begin = i + 1;
      }
    }
    rest.appendBuffer(piece, begin, piece.length() - begin);
    return rest.length() <= mostBytes;
  }
}

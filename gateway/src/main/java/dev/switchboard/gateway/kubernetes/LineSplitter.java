package dev.switchboard.gateway.kubernetes;

import io.vertx.core.buffer.Buffer;
import java.util.Arrays;
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
    byte[] bytes = piece.getBytes();
    int begin = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == '\n') {
        if (rest.length() + i - begin > mostBytes) {
          return false;
        }
        tell(bytes, begin, i);
        begin = i + 1;
      }
    }
    rest.appendBytes(bytes, begin, bytes.length - begin);
    return rest.length() <= mostBytes;
  }

  private void tell(byte[] bytes, int begin, int end) {
    byte[] whole = Arrays.copyOfRange(bytes, begin, end);
    if (rest.length() > 0) {
      whole = rest.appendBytes(whole).getBytes();
      rest = Buffer.buffer();
    }
    if (whole.length > 0) {
      line.accept(whole);
    }
  }
}

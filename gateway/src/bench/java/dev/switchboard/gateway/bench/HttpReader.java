package dev.switchboard.gateway.bench;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Cuts the bytes of one HTTP/1.1 connection into messages, whichever side sends them. It trusts its
 * peer, which is a program of this benchmark or one that it measures: a body has a length or is
 * chunked, or there is none.
 */
final class HttpReader {

  /** Takes the parts of messages in order. */
  interface Sink {
    /** The head with its empty line, ASCII. */
    void head(byte[] bytes, int length);

    void body(byte[] bytes, int from, int to);

    /** The message is complete. */
    void end();
  }

  private enum State {
    HEAD,
    BODY,
    CHUNK_SIZE,
    CHUNK,
    CHUNK_END,
    TRAILER
  }

  private static final int MAX_HEAD_BYTES = 64 << 10;

  private final Sink sink;
  private byte[] head = new byte[1024];
  private int headLength;
  private State state = State.HEAD;
  private long left;
  private int lineLength;

  HttpReader(Sink sink) {
    this.sink = sink;
  }

  /** Whether the connection stands between two messages. */
  boolean atBoundary() {
    return state == State.HEAD && headLength == 0;
  }

  void feed(byte[] bytes, int length) {
    int at = 0;
    while (at < length) {
      at =
          switch (state) {
            case HEAD -> readHead(bytes, at, length);
            case BODY, CHUNK -> readBody(bytes, at, length);
            case CHUNK_SIZE -> readChunkSize(bytes, at, length);
            case CHUNK_END -> skipLine(bytes, at, length);
            case TRAILER -> readTrailer(bytes, at, length);
          };
    }
  }

  private int readHead(byte[] bytes, int from, int to) {
    int at = from;
    while (at < to) {
      byte next = bytes[at++];
      if (headLength == head.length) {
        if (headLength >= MAX_HEAD_BYTES) {
          throw new IllegalStateException("a head is larger than " + MAX_HEAD_BYTES + " bytes");
        }
        head = Arrays.copyOf(head, headLength * 2);
      }
      head[headLength++] = next;
      if (next == '\n' && headLength >= 4 && head[headLength - 3] == '\n') {
        begin();
        return at;
      }
    }
    return at;
  }

  private void begin() {
    int length = headLength;
    headLength = 0;
    boolean chunked = false;
    long contentLength = 0;
    int line = 0;
    for (int i = 0; i < length; i++) {
      if (head[i] == '\n') {
        if (isField(line, "content-length:")) {
          contentLength = number(line + "content-length:".length(), i);
        } else if (isField(line, "transfer-encoding:")) {
          chunked = true;
        }
        line = i + 1;
      }
    }
    sink.head(head, length);
    if (chunked) {
      state = State.CHUNK_SIZE;
      left = 0;
    } else if (contentLength > 0) {
      state = State.BODY;
      left = contentLength;
    } else if (!interim()) {
      end();
    }
  }

  /** A 1xx answer, which another head follows. */
  private boolean interim() {
    return head[0] == 'H' && head[9] == '1';
  }

  private boolean isField(int from, String name) {
    for (int i = 0; i < name.length(); i++) {
      if ((head[from + i] | 0x20) != (name.charAt(i) | 0x20)) {
        return false;
      }
    }
    return true;
  }

  private long number(int from, int to) {
    return Long.parseLong(new String(head, from, to - from, StandardCharsets.US_ASCII).strip());
  }

  private int readBody(byte[] bytes, int from, int to) {
    int end = (int) Math.min(to, from + left);
    sink.body(bytes, from, end);
    left -= end - from;
    if (left == 0) {
      if (state == State.CHUNK) {
        state = State.CHUNK_END;
      } else {
        end();
      }
    }
    return end;
  }

  private int readChunkSize(byte[] bytes, int from, int to) {
    int at = from;
    while (at < to) {
      byte next = bytes[at++];
      if (next == '\n') {
        state = left == 0 ? State.TRAILER : State.CHUNK;
        lineLength = 0;
        return at;
      }
      int digit = Character.digit(next, 16);
      if (digit >= 0) {
        left = left * 16 + digit;
      }
    }
    return at;
  }

  private int skipLine(byte[] bytes, int from, int to) {
    int at = from;
    while (at < to) {
      if (bytes[at++] == '\n') {
        state = State.CHUNK_SIZE;
        left = 0;
        return at;
      }
    }
    return at;
  }

  private int readTrailer(byte[] bytes, int from, int to) {
    int at = from;
    while (at < to) {
      byte next = bytes[at++];
      if (next == '\n') {
        if (lineLength == 0) {
          end();
          return at;
        }
        lineLength = 0;
      } else if (next != '\r') {
        lineLength++;
      }
    }
    return at;
  }

  private void end() {
    state = State.HEAD;
    sink.end();
  }
}

package dev.switchboard.gateway.stream;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Cuts an upstream's bytes into server-sent events and says of each what it is.
 *
 * <p>A token's event is looked at by a few byte searches and never parsed. The searches are sound
 * on JSON: a string value cannot hold {@code "switchboard":} since its quotes would be escaped, so
 * the bytes appear only where a member begins. An event ends at an empty line, in either line
 * ending.
 *
 * <p>Events may be cut anywhere by the network; the incomplete rest is kept, up to {@link
 * #MAX_EVENT_BYTES}.
 */
final class EventScanner {
  static final int MAX_EVENT_BYTES = 4 << 20;

  private static final byte[] SWITCHBOARD = ascii("\"switchboard\":");
  private static final byte[] ERROR = ascii("\"error\":");
  private static final byte[] DONE = ascii("data: [DONE]");
  private static final byte[] DONE_TIGHT = ascii("data:[DONE]");
  private static final byte[] ROLE = ascii("\"role\":");
  private static final byte[] FINISH = ascii("\"finish_reason\":");
  private static final byte[] USAGE = ascii("\"usage\":");
  private static final byte[][] TEXTS = {
    ascii("\"content\":"), ascii("\"text\":"), ascii("\"reasoning_content\":")
  };
  private static final byte[] TOOL_CALLS = ascii("\"tool_calls\":");

  /** What an event is; the first that fits. */
  enum Kind {
    /** The end of a stream that ended well. */
    DONE,
    /** It may hold our object, usage or an error: worth parsing. */
    SPECIAL,
    /** It ends a choice. */
    FINISH,
    /** It has text, or part of a tool call. */
    CONTENT,
    /** It opens a choice and says nothing yet. */
    PRELUDE,
    OTHER
  }

  /** Takes the events in order. */
  @FunctionalInterface
  interface Sink {
    /** One event with the empty line that ends it. */
    void event(Kind kind, byte[] bytes, int from, int to);
  }

  private byte[] rest = new byte[0];

  /**
   * Takes more bytes.
   *
   * @throws IllegalStateException when an event is larger than allowed
   */
  void feed(Buffer chunk, Sink sink) {
    byte[] bytes = chunk.getBytes();
    int searchFrom = 0;
    if (rest.length > 0) {
      int kept = rest.length;
      byte[] joined = Arrays.copyOf(rest, kept + bytes.length);
      System.arraycopy(bytes, 0, joined, kept, bytes.length);
      bytes = joined;
      // The empty line may have begun in the rest.
      searchFrom = Math.max(0, kept - 3);
    }
    int start = 0;
    int end = endOfEvent(bytes, searchFrom);
    while (end >= 0) {
      sink.event(kind(bytes, start, end), bytes, start, end);
      start = end;
      end = endOfEvent(bytes, start);
    }
    if (bytes.length - start > MAX_EVENT_BYTES) {
      throw new IllegalStateException("an event is larger than " + MAX_EVENT_BYTES + " bytes");
    }
    rest = start == bytes.length ? new byte[0] : Arrays.copyOfRange(bytes, start, bytes.length);
  }

  /** Whether the stream stands between two events. */
  boolean atBoundary() {
    return rest.length == 0;
  }

  private static int endOfEvent(byte[] bytes, int from) {
    for (int i = from; i + 1 < bytes.length; i++) {
      if (bytes[i] == '\n') {
        if (bytes[i + 1] == '\n') {
          return i + 2;
        }
        if (bytes[i + 1] == '\r' && i + 2 < bytes.length && bytes[i + 2] == '\n') {
          return i + 3;
        }
      }
    }
    return -1;
  }

  static Kind kind(byte[] bytes, int from, int to) {
    if (startsWith(bytes, from, to, DONE) || startsWith(bytes, from, to, DONE_TIGHT)) {
      return Kind.DONE;
    }
    if (find(bytes, from, to, SWITCHBOARD) >= 0
        || find(bytes, from, to, ERROR) >= 0
        || holdsObject(bytes, from, to, USAGE)) {
      return Kind.SPECIAL;
    }
    if (nonEmptyString(bytes, from, to, FINISH)) {
      return Kind.FINISH;
    }
    if (hasContent(bytes, from, to)) {
      return Kind.CONTENT;
    }
    return find(bytes, from, to, ROLE) >= 0 ? Kind.PRELUDE : Kind.OTHER;
  }

  static boolean hasContent(byte[] bytes, int from, int to) {
    for (byte[] member : TEXTS) {
      if (nonEmptyString(bytes, from, to, member)) {
        return true;
      }
    }
    int tools = find(bytes, from, to, TOOL_CALLS);
    return tools >= 0 && valueStart(bytes, tools + TOOL_CALLS.length, to) == '[';
  }

  private static boolean holdsObject(byte[] bytes, int from, int to, byte[] member) {
    int at = find(bytes, from, to, member);
    return at >= 0 && valueStart(bytes, at + member.length, to) == '{';
  }

  private static boolean nonEmptyString(byte[] bytes, int from, int to, byte[] member) {
    int at = find(bytes, from, to, member);
    if (at < 0) {
      return false;
    }
    int value = skipSpaces(bytes, at + member.length, to);
    return value + 1 < to && bytes[value] == '"' && bytes[value + 1] != '"';
  }

  private static int valueStart(byte[] bytes, int at, int to) {
    int value = skipSpaces(bytes, at, to);
    return value < to ? bytes[value] : -1;
  }

  private static int skipSpaces(byte[] bytes, int at, int to) {
    int i = at;
    while (i < to && bytes[i] == ' ') {
      i++;
    }
    return i;
  }

  private static boolean startsWith(byte[] bytes, int from, int to, byte[] prefix) {
    return to - from >= prefix.length
        && Arrays.equals(bytes, from, from + prefix.length, prefix, 0, prefix.length);
  }

  /** Where a pattern begins; −1 when it is not there. */
  static int find(byte[] bytes, int from, int to, byte[] pattern) {
    int last = to - pattern.length;
    // The second byte is rarer than the quote that every pattern begins with.
    byte second = pattern[1];
    for (int i = from; i <= last; i++) {
      if (bytes[i + 1] == second
          && Arrays.equals(bytes, i, i + pattern.length, pattern, 0, pattern.length)) {
        return i;
      }
    }
    return -1;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}

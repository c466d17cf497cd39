package dev.switchboard.gateway.stream;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Cuts an upstream's bytes into server-sent events and says of each what it is.
 *
 * <p>A token's event is never parsed: one pass looks at each place where a member's name ends,
 * {@code ":}, and compares what stands before it. That is sound on JSON: a string value cannot hold
 * {@code "switchboard":} since its quotes would be escaped, so the bytes appear only where a member
 * begins. An event ends at an empty line, in either line ending.
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
  private static final byte[] TEXT = ascii("\"text\":");
  private static final byte[] DELTA = ascii("\"delta\":");
  private static final byte[] MESSAGE = ascii("\"message\":");
  private static final byte[] TOKEN = ascii("\"token\":");
  private static final byte[] TOKEN_IDS = ascii("\"token_ids\":");
  private static final byte[] ROLE_NAME = ascii("\"role\"");

  /** What an event is; the first that fits. */
  enum Kind {
    /** The end of a stream that ended well. */
    DONE,
    /** It may hold our object, usage or an error: worth parsing. */
    SPECIAL,
    /** It ends a choice. */
    FINISH,
    /** It has something of an answer: text, reasoning, a refusal, part of a tool call, a token. */
    CONTENT,
    /** It opens a choice and says nothing yet. */
    PRELUDE,
    /** A worker's comment: which tokens the events before it told. */
    NOTE,
    OTHER
  }

  /** Takes the events in order. */
  @FunctionalInterface
  interface Sink {
    /** One event with the empty line that ends it. */
    void event(Kind kind, byte[] bytes, int from, int to);
  }

  private static final byte[] NOTHING = new byte[0];

  private byte[] rest = NOTHING;

  /**
   * Takes more bytes.
   *
   * @throws IllegalStateException when an event is larger than allowed
   */
  void feed(Buffer chunk, Sink sink) {
    byte[] bytes = Pieces.bytes(chunk);
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
    rest = start == bytes.length ? NOTHING : Arrays.copyOfRange(bytes, start, bytes.length);
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
    if (from < to && bytes[from] == ':') {
      boolean note =
          startsWith(bytes, from, to, Replay.TOKENS) || startsWith(bytes, from, to, Replay.ANSWER);
      return note ? Kind.NOTE : Kind.OTHER;
    }
    if (startsWith(bytes, from, to, DONE) || startsWith(bytes, from, to, DONE_TIGHT)) {
      return Kind.DONE;
    }
    Kind kind = Kind.OTHER;
    for (int i = from + 2; i < to; i++) {
      if (bytes[i] == ':' && bytes[i - 1] == '"') {
        Kind found = member(bytes, from, i + 1, to);
        kind = found.compareTo(kind) < 0 ? found : kind;
      }
    }
    return kind;
  }

  /** What the member whose name and colon end here makes of its event. */
  private static Kind member(byte[] bytes, int from, int end, int to) {
    return switch (bytes[end - 3]) {
      case 'd' -> endsWith(bytes, from, end, SWITCHBOARD) ? Kind.SPECIAL : Kind.OTHER;
      case 'r' -> endsWith(bytes, from, end, ERROR) ? Kind.SPECIAL : Kind.OTHER;
      case 'e' -> roleUsageOrMessage(bytes, from, end, to);
      case 'n' -> finishOrToken(bytes, from, end, to);
      case 'a', 't', 's' -> isContent(bytes, from, end, to) ? Kind.CONTENT : Kind.OTHER;
      default -> Kind.OTHER;
    };
  }

  private static Kind finishOrToken(byte[] bytes, int from, int end, int to) {
    if (endsWith(bytes, from, end, FINISH)) {
      return nonEmptyString(bytes, end, to) ? Kind.FINISH : Kind.OTHER;
    }
    return isContent(bytes, from, end, to) ? Kind.CONTENT : Kind.OTHER;
  }

  private static Kind roleUsageOrMessage(byte[] bytes, int from, int end, int to) {
    if (endsWith(bytes, from, end, ROLE)) {
      return Kind.PRELUDE;
    }
    if (endsWith(bytes, from, end, USAGE)) {
      return valueStart(bytes, end, to) == '{' ? Kind.SPECIAL : Kind.OTHER;
    }
    return isContent(bytes, from, end, to) ? Kind.CONTENT : Kind.OTHER;
  }

  private static boolean isContent(byte[] bytes, int from, int end, int to) {
    int value = skipSpaces(bytes, end, to);
    return switch (bytes[end - 3]) {
      case 'a' -> endsWith(bytes, from, end, DELTA) && saysSomething(bytes, value, to);
      case 'e' ->
          isObject(bytes, value, to)
              && endsWith(bytes, from, end, MESSAGE)
              && saysSomething(bytes, value, to);
      case 't' -> endsWith(bytes, from, end, TEXT) && holdsSomething(bytes, value, to);
      case 's' -> endsWith(bytes, from, end, TOKEN_IDS) && holdsSomething(bytes, value, to);
      case 'n' -> endsWith(bytes, from, end, TOKEN) && value < to && bytes[value] == '"';
      default -> false;
    };
  }

  /**
   * Whether a delta says anything, under whatever name a server has for it: some member but the
   * role holds a string, a list or an object that is not empty.
   */
  private static boolean saysSomething(byte[] bytes, int value, int to) {
    if (!isObject(bytes, value, to)) {
      return holdsSomething(bytes, value, to);
    }
    int name = skipSpaces(bytes, value + 1, to);
    while (name < to && bytes[name] == '"') {
      int nameEnd = endOfString(bytes, name, to);
      int at = skipSpaces(bytes, skipSpaces(bytes, nameEnd, to) + 1, to);
      boolean role =
          nameEnd - name == ROLE_NAME.length && endsWith(bytes, name, nameEnd, ROLE_NAME);
      if (!role && holdsSomething(bytes, at, to)) {
        return true;
      }
      int end = endOfPlain(bytes, at, to);
      name = end < to && bytes[end] == ',' ? skipSpaces(bytes, end + 1, to) : to;
    }
    return false;
  }

  /**
   * Of a value that begins here, whether it is a string, a list or an object with something in it.
   */
  private static boolean holdsSomething(byte[] bytes, int value, int to) {
    if (value + 1 >= to) {
      return false;
    }
    return switch (bytes[value]) {
      case '"' -> bytes[value + 1] != '"';
      case '[' -> valueStart(bytes, value + 1, to) != ']';
      case '{' -> valueStart(bytes, value + 1, to) != '}';
      default -> false;
    };
  }

  /** Where a comma or a brace ends a value that is a string, or that holds nothing. */
  private static int endOfPlain(byte[] bytes, int value, int to) {
    int end = value;
    if (value < to && bytes[value] == '"') {
      end = endOfString(bytes, value, to);
    } else if (isObject(bytes, value, to)) {
      end = skipSpaces(bytes, value + 1, to) + 1;
    }
    while (end < to && bytes[end] != ',' && bytes[end] != '}') {
      end++;
    }
    return end;
  }

  private static boolean isObject(byte[] bytes, int value, int to) {
    return value < to && bytes[value] == '{';
  }

  /** After the string whose quote stands here. */
  private static int endOfString(byte[] bytes, int quote, int to) {
    int i = quote + 1;
    while (i < to && bytes[i] != '"') {
      i += bytes[i] == '\\' ? 2 : 1;
    }
    return Math.min(i + 1, to);
  }

  static boolean hasContent(byte[] bytes, int from, int to) {
    for (int i = from + 2; i < to; i++) {
      if (bytes[i] == ':' && bytes[i - 1] == '"' && isContent(bytes, from, i + 1, to)) {
        return true;
      }
    }
    return false;
  }

  private static boolean nonEmptyString(byte[] bytes, int at, int to) {
    int value = skipSpaces(bytes, at, to);
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

  private static boolean endsWith(byte[] bytes, int from, int end, byte[] suffix) {
    return end - from >= suffix.length
        && Arrays.equals(bytes, end - suffix.length, end, suffix, 0, suffix.length);
  }

  private static boolean startsWith(byte[] bytes, int from, int to, byte[] prefix) {
    return to - from >= prefix.length
        && Arrays.equals(bytes, from, from + prefix.length, prefix, 0, prefix.length);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}

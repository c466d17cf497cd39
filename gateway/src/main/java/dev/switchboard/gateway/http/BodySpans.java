package dev.switchboard.gateway.http;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Where the values of a body's top-level keys stand in its bytes: that of the model, so that it can
 * be replaced without writing the rest anew, and those that a worker's prompt is made of, so that
 * prompts can be compared without parsing them again.
 *
 * <p>The body was parsed before: it is one valid JSON object without duplicate keys. One pass, a
 * few machine instructions for each byte.
 *
 * @param modelFrom first byte of the model's value, its quote; {@code modelTo} is after the last
 * @param promptFrom likewise of the messages or the prompt; both 0 when there are none
 * @param toolsFrom likewise of the tools
 */
record BodySpans(
    int modelFrom, int modelTo, int promptFrom, int promptTo, int toolsFrom, int toolsTo) {
  /** Of no body. */
  static final BodySpans NONE = new BodySpans(0, 0, 0, 0, 0, 0);

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final byte[] MODEL = "model".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] MESSAGES = "messages".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] PROMPT = "prompt".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] PRIORITY = "priority".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] TOOLS = "tools".getBytes(StandardCharsets.US_ASCII);

  /** The body with another model's name in place of its own. */
  Buffer renamed(Buffer body, String model) {
    byte[] name = JsonStringEncoder.getInstance().quoteAsUTF8(model);
    return Buffer.buffer(body.length() + name.length + 2)
        .appendBuffer(body, 0, modelFrom)
        .appendByte((byte) '"')
        .appendBytes(name)
        .appendByte((byte) '"')
        .appendBuffer(body, modelTo, body.length() - modelTo);
  }

  /** A valid body that names no bound on its answer's tokens, with one; null names none. */
  static byte[] limited(byte[] body, String name, int maxTokens) {
    return with(body, name.getBytes(StandardCharsets.US_ASCII), maxTokens);
  }

  /** A valid body with another priority. */
  static byte[] prioritized(byte[] body, int priority) {
    return with(body, PRIORITY, priority);
  }

  /** A valid body in which a top-level key has this value. */
  private static byte[] with(byte[] body, byte[] key, int number) {
    int from = space(body, 0) + 1;
    int at = space(body, from);
    while (at < body.length && body[at] == '"') {
      int keyEnd = string(body, at);
      int value = space(body, space(body, keyEnd) + 1);
      int to = value(body, value);
      if (is(key, body, at + 1, keyEnd - 1)) {
        return replaced(body, value, to, Integer.toString(number));
      }
      at = space(body, space(body, to) + 1);
    }
    String name = new String(key, StandardCharsets.US_ASCII);
    return replaced(body, from, from, "\"" + name + "\":" + number + ",");
  }

  private static byte[] replaced(byte[] body, int from, int to, String with) {
    byte[] text = with.getBytes(StandardCharsets.US_ASCII);
    byte[] whole = new byte[body.length - (to - from) + text.length];
    System.arraycopy(body, 0, whole, 0, from);
    System.arraycopy(text, 0, whole, from, text.length);
    System.arraycopy(body, to, whole, from + text.length, body.length - to);
    return whole;
  }

  /** Finds them in a valid body. */
  static BodySpans of(byte[] body) {
    int[] spans = new int[6];
    int at = space(body, space(body, 0) + 1);
    while (at < body.length && body[at] == '"') {
      int keyEnd = string(body, at);
      int from = space(body, space(body, keyEnd) + 1);
      int to = value(body, from);
      int place = place(body, at + 1, keyEnd - 1);
      if (place >= 0) {
        spans[place] = from;
        spans[place + 1] = to;
      }
      at = space(body, space(body, to) + 1);
    }
    return new BodySpans(spans[0], spans[1], spans[2], spans[3], spans[4], spans[5]);
  }

  private static int place(byte[] body, int from, int to) {
    if (is(MODEL, body, from, to)) {
      return 0;
    }
    if (is(MESSAGES, body, from, to) || is(PROMPT, body, from, to)) {
      return 2;
    }
    return is(TOOLS, body, from, to) ? 4 : -1;
  }

  /** Whether a key is a name, also where some of its letters are escaped. */
  private static boolean is(byte[] name, byte[] body, int from, int to) {
    if (Arrays.equals(name, 0, name.length, body, from, to)) {
      return true;
    }
    for (int i = from; i < to; i++) {
      if (body[i] == '\\') {
        return unescaped(body, from, to).equals(new String(name, StandardCharsets.US_ASCII));
      }
    }
    return false;
  }

  private static String unescaped(byte[] body, int from, int to) {
    try {
      return JSON.readValue(body, from - 1, to - from + 2, String.class);
    } catch (IOException e) {
      throw new IllegalArgumentException("the body was not validated", e);
    }
  }

  /** The first byte from {@code at} on that is no white space. */
  private static int space(byte[] body, int at) {
    int i = at;
    while (i < body.length && body[i] <= ' ' && body[i] >= 0) {
      i++;
    }
    return i;
  }

  /** After the string that begins with the quote at {@code from}. */
  private static int string(byte[] body, int from) {
    int i = from + 1;
    while (i < body.length && body[i] != '"') {
      i += body[i] == '\\' ? 2 : 1;
    }
    return Math.min(i + 1, body.length);
  }

  /** After the value that begins at {@code from}. */
  private static int value(byte[] body, int from) {
    int depth = 0;
    int i = from;
    while (i < body.length) {
      switch (body[i]) {
        case '"' -> i = string(body, i);
        case '{', '[' -> {
          depth++;
          i++;
        }
        case '}', ']' -> {
          if (depth == 0) {
            return i;
          }
          depth--;
          i++;
        }
        case ',' -> {
          if (depth == 0) {
            return i;
          }
          i++;
        }
        default -> i++;
      }
      if (depth == 0
          && i > from
          && (body[i - 1] == '"' || body[i - 1] == '}' || body[i - 1] == ']')) {
        return i;
      }
    }
    return i;
  }
}

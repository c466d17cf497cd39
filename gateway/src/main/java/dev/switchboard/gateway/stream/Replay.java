package dev.switchboard.gateway.stream;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a client has of a streamed answer, in tokens: enough for another worker to go on with it.
 * Gathered from the comments that a worker writes behind its events:
 *
 * <pre>
 *   :answer ID CREATED SEED PROMPT_TOKENS
 *   :tokens CHOICE/CACHED[o][s|l][f]:TOKEN,TOKEN,… CHOICE/…
 *   :again TOKENS
 * </pre>
 *
 * <p>A token costs a few additions and four bytes; nothing is made into text until somebody has to
 * go on. Confined to the event loop that owns the request.
 */
public final class Replay {
  static final byte[] ANSWER = ":answer ".getBytes(StandardCharsets.US_ASCII);
  static final byte[] TOKENS = ":tokens ".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] AGAIN = ":again ".getBytes(StandardCharsets.US_ASCII);

  private static final int MAX_CHOICES = 4096;

  private final int maxTokens;
  private final Map<Integer, Choice> choices = new TreeMap<>();
  private @Nullable String head;
  private int tokens;
  private int computedAgain;
  private boolean lost;

  private static final class Choice {
    int cachedTokens;
    String flags = "";
    int[] tokens = new int[16];
    int count;

    void add(int token) {
      if (count == tokens.length) {
        tokens = Arrays.copyOf(tokens, 2 * count);
      }
      tokens[count++] = token;
    }
  }

  /**
   * @param maxTokens of all choices; an answer with more is not gone on with
   */
  public Replay(int maxTokens) {
    this.maxTokens = maxTokens;
  }

  /** Forgets everything: the answer begins anew. */
  public void reset() {
    choices.clear();
    head = null;
    tokens = 0;
    computedAgain = 0;
    lost = false;
  }

  /** Whether somebody else can go on. */
  public boolean complete() {
    return head != null && !lost;
  }

  /** Generated tokens that the client has, of all choices. */
  public int tokens() {
    return tokens;
  }

  /** Tokens of all prompts, as the worker counted them; −1 while it has not said. */
  public int promptTokens() {
    String known = head;
    return known == null ? -1 : Integer.parseInt(known.substring(known.lastIndexOf(' ') + 1));
  }

  /** Prompt tokens that came from the first worker's prefix cache; of the first choice. */
  public int cachedTokens() {
    Choice first = choices.get(0);
    return first == null ? 0 : first.cachedTokens;
  }

  /** Tokens that workers computed again, each before it went on with the answer. */
  public int computedAgain() {
    return computedAgain;
  }

  boolean lost() {
    return lost;
  }

  /** Too much to remember, or unreadable. */
  void lose() {
    lost = true;
    choices.clear();
  }

  /** Takes a comment's lines. */
  void note(byte[] bytes, int from, int to) {
    int line = from;
    while (line < to && !lost) {
      int end = line;
      while (end < to && bytes[end] != '\n' && bytes[end] != '\r') {
        end++;
      }
      if (startsWith(bytes, line, end, ANSWER)) {
        head(
            new String(
                bytes,
                line + ANSWER.length,
                end - line - ANSWER.length,
                StandardCharsets.US_ASCII));
      } else if (startsWith(bytes, line, end, TOKENS)) {
        new Reader(bytes, line + TOKENS.length, end).read();
      } else if (startsWith(bytes, line, end, AGAIN)) {
        computedAgain += Math.max(0, new Reader(bytes, line + AGAIN.length, end).number());
      }
      line = end + 1;
    }
  }

  private void head(String text) {
    // A worker that goes on with an answer says again whose it is.
    if (head == null && text.matches("[^ ]{1,64} [0-9]{1,15} -?[0-9]{1,19} [0-9]{1,9}")) {
      head = text;
    }
  }

  private static boolean startsWith(byte[] bytes, int from, int to, byte[] prefix) {
    return to - from >= prefix.length
        && Arrays.equals(bytes, from, from + prefix.length, prefix, 0, prefix.length);
  }

  /** One line's choices and tokens. */
  private final class Reader {
    private final byte[] bytes;
    private final int to;
    private int at;

    Reader(byte[] bytes, int from, int to) {
      this.bytes = bytes;
      this.at = from;
      this.to = to;
    }

    void read() {
      while (at < to && !lost) {
        choice();
        skip(' ');
      }
    }

    private void choice() {
      int index = number();
      if (!skip('/') || index < 0 || index >= MAX_CHOICES) {
        lose();
        return;
      }
      Choice choice = choices.computeIfAbsent(index, begun -> new Choice());
      choice.cachedTokens = number();
      int flags = at;
      while (at < to && bytes[at] != ':') {
        at++;
      }
      if (at - flags != choice.flags.length()) {
        choice.flags = new String(bytes, flags, at - flags, StandardCharsets.US_ASCII);
      }
      if (!skip(':')) {
        lose();
        return;
      }
      tokens(choice);
    }

    private void tokens(Choice choice) {
      while (at < to && bytes[at] != ' ') {
        int token = number();
        if (token < 0 || ++tokens > maxTokens) {
          lose();
          return;
        }
        choice.add(token);
        skip(',');
      }
    }

    private boolean skip(char expected) {
      boolean there = at < to && bytes[at] == expected;
      at += there ? 1 : 0;
      return there;
    }

    /** −1 where none stands. */
    private int number() {
      int start = at;
      int value = 0;
      while (at < to && bytes[at] >= '0' && bytes[at] <= '9' && value <= 99_999_999) {
        value = 10 * value + bytes[at++] - '0';
      }
      return at == start ? -1 : value;
    }
  }

  /** The answer so far, as a worker reads it before the request. */
  public Buffer toBuffer() {
    Buffer text = Buffer.buffer(64 + 6 * tokens);
    text.appendString(head + "\n");
    choices.forEach(
        (index, choice) -> {
          text.appendString(index + "/" + choice.cachedTokens + choice.flags + ":");
          StringBuilder list = new StringBuilder();
          for (int i = 0; i < choice.count; i++) {
            list.append(i == 0 ? "" : ",").append(choice.tokens[i]);
          }
          text.appendString(list.append('\n').toString());
        });
    return text;
  }
}

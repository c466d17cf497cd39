package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A client's connection: one request at a time, and what is seen of its answer. */
final class LoadClient implements HttpReader.Sink {
  private static final byte[] DONE = ascii("data: [DONE]");
  private static final byte[] CONTENT = ascii("\"content\":\"");
  private static final byte[] FINISH = ascii("\"finish_reason\":\"");
  private static final byte[] GENERATED = ascii("\"completion_tokens\":");
  private static final byte[] ERROR = ascii("\"error\":{");
  private static final byte[] LATE = ascii("\"code\":\"deadline_exceeded\"");
  private static final int BROKEN_STREAM = 502;
  private static final int TOO_LATE = 504;
  private static final String REASON = "\r\nx-switchboard-reason: ";

  /** Hears of an answer, on the generator's thread. */
  interface Watcher {
    /** A token, with the monotonic time at which the worker wrote it. */
    default void token(LoadClient client, int number, long writtenNanos) {}

    /** The answer is complete, and the connection free. */
    void ended(LoadClient client);

    /**
     * The connection is gone.
     *
     * @param underWay with a request on it
     */
    void broke(LoadClient client, boolean underWay);
  }

  private final NioConnection connection;
  private final ClientLedger ledger;
  private final Watcher watcher;
  private ClientLedger.@Nullable Entry entry;
  private boolean stream;
  private boolean open;
  private long intendedNanos;
  private int status;
  private String reason = "";
  private byte[] event = new byte[1024];
  private int eventLength;

  LoadClient(NioLoop loop, InetSocketAddress address, ClientLedger ledger, Watcher watcher)
      throws IOException {
    this.ledger = ledger;
    this.watcher = watcher;
    this.connection =
        new NioConnection(
            loop.selector(), SocketChannel.open(address), new HttpReader(this), this::gone);
  }

  /**
   * Sends a request.
   *
   * @param intended when it was to be sent; what it waited since then counts as latency
   */
  void send(byte[] request, boolean streamed, long intended) {
    stream = streamed;
    intendedNanos = intended;
    entry = ledger.begin(streamed);
    open = true;
    connection.send(request);
  }

  long intendedNanos() {
    return intendedNanos;
  }

  /** Why the gateway itself answered what came last; empty where it did not. */
  String reason() {
    return reason;
  }

  /** Closes the connection in the middle of whatever goes on. */
  void leave() {
    if (open) {
      open = false;
      current().leave();
    }
    connection.close();
  }

  private void gone() {
    boolean underWay = open;
    open = false;
    if (underWay) {
      current().broke();
    }
    watcher.broke(this, underWay);
  }

  @Override
  public void head(byte[] bytes, int length) {
    status = (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + bytes[11] - '0';
    reason = status == 200 ? "" : reason(new String(bytes, 0, length, StandardCharsets.US_ASCII));
    // What is left of an answer that was to be a stream and was an error.
    eventLength = 0;
    current().status(status);
  }

  private static String reason(String head) {
    int at = head.toLowerCase(Locale.ROOT).indexOf(REASON);
    int from = at + REASON.length();
    return at < 0 ? "" : head.substring(from, head.indexOf('\r', from));
  }

  @Override
  public void body(byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      if (eventLength == event.length) {
        event = Arrays.copyOf(event, eventLength * 2);
      }
      event[eventLength++] = bytes[i];
      if (stream && bytes[i] == '\n' && eventLength >= 2 && event[eventLength - 2] == '\n') {
        event();
        eventLength = 0;
      }
    }
  }

  private void event() {
    if (Arrays.equals(event, 0, DONE.length, DONE, 0, DONE.length)) {
      current().done();
      return;
    }
    int content = find(CONTENT);
    if (content >= 0 && event[content + CONTENT.length] != '"') {
      content(content + CONTENT.length);
    } else if (find(ERROR) >= 0) {
      current().error(find(LATE) >= 0 ? TOO_LATE : BROKEN_STREAM);
    }
    if (find(FINISH) >= 0) {
      current().finishReason();
    }
  }

  /** {@code NUMBER:NANOS}. */
  private void content(int from) {
    int colon = from;
    while (event[colon] != ':') {
      colon++;
    }
    int number = (int) number(from);
    current().token(number);
    watcher.token(this, number, number(colon + 1));
  }

  /** The digits from there on. */
  private long number(int from) {
    long number = 0;
    for (int at = from; at < eventLength && Character.isDigit(event[at]); at++) {
      number = number * 10 + event[at] - '0';
    }
    return number;
  }

  private ClientLedger.Entry current() {
    return Objects.requireNonNull(entry, "an answer without a request");
  }

  private int find(byte[] pattern) {
    for (int i = 0; i + pattern.length <= eventLength; i++) {
      if (event[i] == pattern[0]
          && Arrays.equals(event, i, i + pattern.length, pattern, 0, pattern.length)) {
        return i;
      }
    }
    return -1;
  }

  @Override
  public void end() {
    open = false;
    int told = stream ? -1 : find(GENERATED);
    if (told >= 0) {
      current().generated((int) number(told + GENERATED.length));
    }
    current().end();
    watcher.ended(this);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}

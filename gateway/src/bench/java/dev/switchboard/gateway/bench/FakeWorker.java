package dev.switchboard.gateway.bench;

import dev.switchboard.timeline.Collective;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import dev.switchboard.timeline.TimelineJson;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A server that speaks enough of the OpenAI API to stand behind a gateway, and does nothing else:
 * no model, no parsing beyond the head and two members of the body. It is there to cost as little
 * as possible, so that what a measurement shows is the gateway's. To a gateway that takes it for an
 * engine worker it tells tokens and a timeline as one of one stage and one rank does; asked for
 * that of any request, it tells the one of its last answer, step by step.
 *
 * <p>A whole answer comes at once. A stream has as many tokens as {@code max_tokens} says, the
 * first at once and the others at the fixed rate; each is its number and the monotonic time at
 * which it was written, so that the other end sees losses, duplicates, swaps and delays. Prints
 * {@code listening PORT}, or all of its ports, and ends with its standard input.
 */
@Command(name = "fake-worker")
final class FakeWorker implements Callable<Integer> {
  static final String MODEL = "bench";
  private static final int BACKLOG = 4096;

  /** Of a stage. */
  private static final int MOST_RANKS = 16;

  private static final int REMEMBERED_BYTES = 512;
  private static final byte[] STREAM = ascii("\"stream\":true");
  private static final byte[] MAX_TOKENS = ascii("\"max_tokens\":");
  private static final byte[] TOLD = ascii("X-Switchboard-Timeline");
  private static final byte[] ENGINE = ascii(" /engine/");
  private static final byte[] TIMELINE = ascii("/timeline?");
  private static final int PROMPT_TOKENS = 200;
  private static final int WHOLE_TOKENS = 2;

  /** In a timeline that is made once, what each answer has the time for. */
  private static final long STAMP = 1_700_000_000_000_000_000L;

  @Option(names = "--interval-us", defaultValue = "50000", description = "between two tokens")
  private long intervalUs;

  @Option(names = "--socket", description = "Unix socket to listen on as well")
  private @Nullable Path socket;

  @Option(names = "--ports", defaultValue = "1", description = "to listen on, each as a worker")
  private int ports;

  @Option(names = "--ranks", defaultValue = "1", description = "whose state it tells")
  private int ranks;

  private final Deque<Due> due = new ArrayDeque<>();
  private final EpochClock clock = EpochClock.system();
  private final Map<Integer, String> timelines = new HashMap<>();
  private int lastAnswered = WHOLE_TOKENS;
  private final byte[] whole = answer(answerBody(""));
  private byte[] state = {};
  private final byte[] models = answer("{\"object\":\"list\",\"data\":[{\"id\":\"bench\"}]}");

  /** A stream whose next token is due; all wait equally long, so the oldest is due first. */
  private record Due(long nanos, Client client, int stream) {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new FakeWorker()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    endWithInput();
    state = answer(state(ranks));
    try (NioLoop loop = new NioLoop()) {
      // The selector knows each client from here on.
      NioLoop.Taker taker =
          channel -> {
            var _ = new Client(loop, channel);
          };
      if (socket != null) {
        loop.listen(socket, BACKLOG, taker);
      }
      loop.listenOn(ports, BACKLOG, taker);
      for (; ; ) {
        if (due.isEmpty()) {
          loop.turn();
        } else {
          loop.turn(due.getFirst().nanos, true);
          sendDue();
        }
      }
    }
  }

  /** Ends the process when whoever started it is gone. */
  static void endWithInput() {
    Thread.ofPlatform().daemon().start(FakeWorker::awaitInput);
  }

  private static void awaitInput() {
    try {
      while (System.in.read() >= 0) {
        // Whoever started it says nothing.
      }
    } catch (IOException e) {
      // The same as its end.
    }
    Runtime.getRuntime().halt(0);
  }

  private void sendDue() {
    long now = System.nanoTime();
    while (!due.isEmpty() && due.getFirst().nanos <= now) {
      Due next = due.removeFirst();
      if (next.client.stream == next.stream) {
        next.client.token(next.nanos + intervalUs * 1000);
      }
    }
  }

  /** One connection; it answers one request after the other. */
  private final class Client implements HttpReader.Sink {
    private final byte[] remembered = new byte[REMEMBERED_BYTES];
    private final NioConnection connection;
    private boolean get;
    private boolean engine;
    private boolean detail;
    private boolean told;
    private int length;
    private int tokens;
    private int sent;
    private int stream;

    Client(NioLoop loop, SocketChannel channel) throws IOException {
      connection = new NioConnection(loop.selector(), channel, new HttpReader(this), this::gone);
    }

    /** Its stream ends with it. */
    private void gone() {
      stream++;
    }

    @Override
    public void head(byte[] bytes, int headLength) {
      get = bytes[0] == 'G';
      engine = get && find(ENGINE, bytes, headLength) >= 0;
      detail = engine && find(TIMELINE, bytes, headLength) >= 0;
      told = !get && find(TOLD, bytes, headLength) >= 0;
      length = 0;
    }

    @Override
    public void body(byte[] bytes, int from, int to) {
      int taken = Math.min(to - from, REMEMBERED_BYTES - length);
      System.arraycopy(bytes, from, remembered, length, taken);
      length += taken;
    }

    @Override
    public void end() {
      if (detail) {
        connection.send(answer(now(document(lastAnswered, true))));
      } else if (get) {
        connection.send(engine ? state : models);
      } else if (find(STREAM, remembered, length) < 0) {
        connection.send(told ? answer(answerBody(timeline(WHOLE_TOKENS))) : whole);
      } else {
        stream++;
        sent = 0;
        tokens = Math.max(1, maxTokens());
        connection.send(
            ascii(
                STREAM_HEAD
                    + chunk(
                        (told ? BEGINNING : "")
                            + event("\"role\":\"assistant\",\"content\":\"\"", "null", ""))));
        token(System.nanoTime() + intervalUs * 1000);
      }
    }

    private int maxTokens() {
      int at = find(MAX_TOKENS, remembered, length) + MAX_TOKENS.length;
      int value = 0;
      while (at < length && remembered[at] >= '0' && remembered[at] <= '9') {
        value = value * 10 + remembered[at++] - '0';
      }
      return value;
    }

    void token(long nextNanos) {
      String text = sent++ + ":" + System.nanoTime() + " ";
      String note = told ? ":tokens 0/0:" + sent + "\n\n" : "";
      String chunk = chunk(event("\"content\":\"" + text + "\"", "null", "") + note);
      if (sent < tokens) {
        connection.send(ascii(chunk));
        due.addLast(new Due(nextNanos, this, stream));
      } else {
        String last = event("", "\"stop\"", told ? timeline(tokens) : "");
        connection.send(ascii(chunk + chunk(last) + STREAM_END));
      }
    }
  }

  private static int find(byte[] pattern, byte[] bytes, int length) {
    for (int i = 0; i + pattern.length <= length; i++) {
      if (Arrays.equals(bytes, i, i + pattern.length, pattern, 0, pattern.length)) {
        return i;
      }
    }
    return -1;
  }

  // ------------------------------------------------------------------ what it says

  /** Ranks fill one stage after another; the first one of all holds up the others. */
  private static String state(int ranks) {
    StringJoiner beats = new StringJoiner(",");
    StringJoiner skew = new StringJoiner(",");
    StringJoiner times = new StringJoiner(",");
    for (int i = 0; i < ranks; i++) {
      String place = "{\"stage\":" + i / MOST_RANKS + ",\"rank\":" + i % MOST_RANKS;
      beats.add(place + ",\"age_ms\":12.5,\"current_ms\":3.25}");
      skew.add(
          place
              + ",\"score\":1.0625,\"straggler\":"
              + (ranks > 1 && i == 0)
              + ",\"late_ms\":1234.5,\"waited_ms\":2345.6}");
      times.add(
          place
              + ",\"steps\":100000,\"compute_ms\":1000000.5,\"all_reduce_wait_ms\":100000.5,"
              + "\"receive_wait_ms\":100000.5,\"send_ms\":10000.5,\"sample_ms\":10000.5,"
              + "\"copy_ms\":1000.5,\"off_cpu_ms\":1000.5,\"bytes\":1099511627776}");
    }
    return "{\"state\":\"ready\",\"topology\":{\"stages\":"
        + Math.ceilDiv(ranks, MOST_RANKS)
        + ",\"ranks\":"
        + Math.min(ranks, MOST_RANKS)
        + "},\"health\":{\"ranks\":["
        + beats
        + "],\"skew\":["
        + skew
        + "],\"times\":["
        + times
        + "]}}";
  }

  /** A further member of an answer, or of a stream's last chunk. */
  private String timeline(int answered) {
    lastAnswered = answered;
    return ",\"switchboard\":"
        + now(timelines.computeIfAbsent(answered, tokens -> document(tokens, false)));
  }

  private String now(String stamped) {
    return stamped.replace(Long.toString(STAMP), Long.toString(clock.epochNanos()));
  }

  static String document(int answered, boolean steps) {
    Lane lane = new Lane(0, 0, STAMP, STAMP, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, Collective.of(0));
    Calls calls = new Calls(STAMP, STAMP, STAMP);
    Step step = new Step(1, STAMP, STAMP, STAMP, calls, 1, 1, 1, List.of(), List.of(lane));
    Critical critical = new Critical(1, 0, 0, 1, 0, 0);
    RequestTimeline timeline =
        new RequestTimeline(
            "bench",
            0,
            STAMP,
            STAMP,
            STAMP,
            STAMP,
            STAMP,
            0,
            new Phase(STAMP, STAMP, PROMPT_TOKENS, 0, 0, 1, 0, critical, step, List.of(lane)),
            answered == 1
                ? null
                : new Phase(
                    STAMP,
                    STAMP,
                    answered - 1,
                    0,
                    0,
                    answered - 1,
                    0,
                    critical,
                    step,
                    List.of(lane)),
            steps ? Collections.nCopies(answered, step) : List.of());
    String stamps = "\"received_ns\":" + STAMP + ",\"sent_ns\":" + STAMP;
    return "{\"replica\":\"bench\","
        + stamps
        + ",\"timelines\":["
        + TimelineJson.write(timeline)
        + "]}";
  }

  private static final String BEGINNING =
      ":answer chatcmpl-0123456789abcdef 1795622138 1 " + PROMPT_TOKENS + "\n\n";

  private static final String STREAM_HEAD =
      String.join(
          "\r\n",
          "HTTP/1.1 200 OK",
          "Content-Type: text/event-stream; charset=utf-8",
          "Cache-Control: no-store",
          "Transfer-Encoding: chunked",
          "",
          "");
  private static final String STREAM_END = chunk("data: [DONE]\n\n") + "0\r\n\r\n";

  private static String chunk(String data) {
    return Integer.toHexString(data.length()) + "\r\n" + data + "\r\n";
  }

  private static String event(String delta, String finishReason, String more) {
    return "data: {\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\","
        + "\"created\":1795622138,\"model\":\"bench\",\"system_fingerprint\":\"fp_bench\","
        + "\"choices\":[{\"index\":0,\"delta\":{"
        + delta
        + "},\"logprobs\":null,\"finish_reason\":"
        + finishReason
        + "}]"
        + more
        + "}\n\n";
  }

  private static String answerBody(String more) {
    return "{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion\","
        + "\"created\":1795622138,\"model\":\"bench\",\"system_fingerprint\":\"fp_bench\","
        + "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"approve\","
        + "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
        + "\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":2,\"total_tokens\":202}"
        + more
        + "}";
  }

  private static byte[] answer(String body) {
    return ascii(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
            + body.length()
            + "\r\n\r\n"
            + body);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}

package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Loads an address with the clients of a scenario, on one thread, and writes down what they see:
 * each token with the engine and the step that it says it is from, and what the answers' heads say.
 */
final class DispatchLoad {
  private final InetSocketAddress address;
  private final DispatchScenario scenario;
  private final long seed;
  private final DispatchTrace trace = new DispatchTrace();
  private final StepDelays.Recorder delays = new StepDelays.Recorder();
  private final PriorityQueue<Due> due = new PriorityQueue<>();
  private final Deque<Connection> free = new ArrayDeque<>();
  private long beginNanos;
  private int underWay;

  DispatchLoad(InetSocketAddress address, DispatchScenario scenario, long seed) {
    this.address = address;
    this.scenario = scenario;
    this.seed = seed;
  }

  /** Something that happens at a moment. */
  private record Due(double at, Action action) implements Comparable<Due> {
    @Override
    public int compareTo(Due other) {
      return Double.compare(at, other.at);
    }
  }

  @FunctionalInterface
  private interface Action {
    void run() throws IOException;
  }

  /** Runs to the end of the last answer. */
  DispatchTrace run() throws IOException {
    beginNanos = System.nanoTime();
    long from = nanos(scenario.fromSeconds());
    try (NioLoop loop = new NioLoop();
        MachineWatch watch = MachineWatch.between(from, nanos(scenario.toSeconds()))) {
      for (DispatchCrowd crowd : scenario.crowds()) {
        for (int i = 0; i < crowd.clients(); i++) {
          Client client = new Client(loop, crowd, i);
          due.add(new Due(scenario.beginSecond(crowd, i), client::next));
        }
        if (crowd.rate() > 0) {
          new Arrivals(loop, crowd).next();
        }
      }
      while (underWay > 0 || !due.isEmpty()) {
        if (now() > scenario.lastSecond()) {
          break;
        }
        turn(loop);
      }
      StepDelays late = delays.delays();
      double[] lateMs = late.firstMs(scenario.fromSeconds(), scenario.toSeconds());
      double toldMs = lateMs.length == 0 ? 0 : DispatchFigures.percentile(lateMs, 99);
      return trace.measured(late, watch.seen().told(toldMs)).finish(now());
    }
  }

  private void turn(NioLoop loop) throws IOException {
    while (!due.isEmpty() && due.peek().at <= now()) {
      due.remove().action.run();
    }
    double next = due.isEmpty() ? now() + 1 : due.peek().at;
    loop.turn(nanos(next), false);
  }

  private long nanos(double second) {
    return beginNanos + (long) (second * 1e9);
  }

  private double now() {
    return (System.nanoTime() - beginNanos) / 1e9;
  }

  private void at(double second, Action action) {
    if (second < scenario.toSeconds()) {
      due.add(new Due(second, action));
    }
  }

  /** Where nobody listens the request is lost. */
  private void send(NioLoop loop, DispatchCrowd.Asked asked, Ended ended) throws IOException {
    underWay++;
    DispatchTrace.Seen seen = trace.sent(asked.crowd(), now());
    try {
      Connection connection = free.isEmpty() ? new Connection(loop) : free.removeLast();
      connection.send(asked, seen, ended);
    } catch (ConnectException e) {
      underWay--;
      seen.refused(DispatchTrace.LOST, now());
      ended.ended(seen, 0);
    }
  }

  /** Hears of a request's end. */
  @FunctionalInterface
  private interface Ended {
    /**
     * @param retryAfterSeconds 0 where nobody said
     */
    void ended(DispatchTrace.Seen seen, int retryAfterSeconds);
  }

  /** One of a closed loop. */
  private final class Client {
    private final NioLoop loop;
    private final DispatchCrowd crowd;
    private final int number;
    private int sent;

    Client(NioLoop loop, DispatchCrowd crowd, int number) {
      this.loop = loop;
      this.crowd = crowd;
      this.number = number;
    }

    void next() throws IOException {
      send(crowd.asked(seed, number, sent++));
    }

    private void send(DispatchCrowd.Asked asked) throws IOException {
      DispatchLoad.this.send(
          loop,
          asked,
          (seen, retryAfterSeconds) -> {
            if (seen.isServed()) {
              at(now(), this::next);
            } else if (retryAfterSeconds > 0) {
              at(now() + retryAfterSeconds, () -> send(asked));
            } else {
              at(now() + DispatchScenario.LOST_SECONDS, this::next);
            }
          });
    }
  }

  /** Those of an open loop. */
  private final class Arrivals {
    private final NioLoop loop;
    private final DispatchCrowd crowd;
    private final SplittableRandom random;
    private double next;
    private int sent;

    Arrivals(NioLoop loop, DispatchCrowd crowd) {
      this.loop = loop;
      this.crowd = crowd;
      this.random = crowd.arrivals(seed);
    }

    void next() {
      next += DispatchCrowd.pause(random, crowd.rate());
      at(next, this::arrive);
    }

    private void arrive() throws IOException {
      next();
      send(loop, crowd.asked(seed, 0, sent++), (seen, retryAfterSeconds) -> {});
    }
  }

  /** A connection: one request at a time. */
  private final class Connection implements HttpReader.Sink {
    private final NioConnection connection;
    private final StringBuilder line = new StringBuilder();
    private DispatchTrace.@Nullable Seen seen;
    private Ended ended = (seen, retryAfterSeconds) -> {};
    private int status;
    private String refusal = "";
    private int retryAfterSeconds;
    private boolean done;
    private boolean broken;
    private boolean closing;

    Connection(NioLoop loop) throws IOException {
      connection =
          new NioConnection(
              loop.selector(), SocketChannel.open(address), new HttpReader(this), this::broke);
    }

    void send(DispatchCrowd.Asked asked, DispatchTrace.Seen request, Ended hearer) {
      seen = request;
      ended = hearer;
      done = false;
      broken = false;
      refusal = DispatchTrace.LOST;
      retryAfterSeconds = 0;
      line.setLength(0);
      String body = asked.body();
      String head =
          "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
              + "Content-Type: application/json\r\n"
              + asked.headers()
              + "Content-Length: "
              + body.length()
              + "\r\n\r\n";
      connection.send((head + body).getBytes(StandardCharsets.US_ASCII));
    }

    private void broke() {
      free.remove(this);
      end();
    }

    @Override
    public void head(byte[] bytes, int length) {
      String head = new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
      status = Integer.parseInt(head.substring(9, 12));
      closing = field(head, "connection").equalsIgnoreCase("close");
      String told = field(head, "retry-after");
      retryAfterSeconds = told.isEmpty() ? 0 : Integer.parseInt(told);
      if (status == 429 || status == 503 || status == 504) {
        refusal = field(head, "x-switchboard-reason");
        refusal = refusal.isEmpty() ? Integer.toString(status) : refusal;
      }
    }

    private static String field(String head, String name) {
      int at = head.toLowerCase(Locale.ROOT).indexOf("\r\n" + name + ": ");
      int from = at + name.length() + 4;
      return at < 0 ? "" : head.substring(from, head.indexOf('\r', from));
    }

    @Override
    public void body(byte[] bytes, int from, int to) {
      for (int i = from; i < to; i++) {
        if (bytes[i] == '\n') {
          line();
          line.setLength(0);
        } else {
          line.append((char) bytes[i]);
        }
      }
    }

    private void line() {
      DispatchTrace.Seen current = seen;
      if (current == null || status != 200) {
        return;
      }
      int content = line.indexOf("\"content\":\"");
      if (content >= 0 && line.charAt(content + 11) != '"') {
        token(current, line.substring(content + 11, line.indexOf(" ", content + 11)));
      }
      broken |= line.indexOf("\"error\":{") >= 0;
      done |= line.indexOf("data: [DONE]") == 0;
    }

    /** As an engine words it: all processes of a machine have one monotonic clock on Linux. */
    private void token(DispatchTrace.Seen current, String word) {
      int engine = Integer.parseInt(word.substring(0, word.indexOf(':')));
      long stepNanos = Long.parseLong(word.substring(word.indexOf('@') + 1));
      double now = now();
      current.token(engine, now);
      delays.token(stepNanos * 31 + engine, (stepNanos - beginNanos) / 1e9, now);
    }

    @Override
    public void end() {
      DispatchTrace.Seen over = seen;
      if (over == null) {
        return;
      }
      seen = null;
      underWay--;
      if (done && !broken) {
        over.served(now());
      } else {
        over.refused(refusal, now());
      }
      if (connection.isOpen() && closing) {
        connection.close();
      } else if (connection.isOpen()) {
        free.addLast(this);
      }
      ended.ended(over, retryAfterSeconds);
    }
  }
}

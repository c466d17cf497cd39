package dev.switchboard.gateway.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/**
 * A collector that takes every batch of spans unread and answers as its mood is. Prints {@code
 * listening PORT}, takes another mood with each line of its standard input, and ends with that.
 */
final class FakeCollector {
  /** How it answers. */
  enum Mood {
    GOOD,
    /** After longer than anybody waits for. */
    SLOW,
    /** With an error that a later try may get over. */
    FAILING,
    /** Nobody listens on its port. */
    DEAD;

    /** The line that it is asked for by. */
    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final long SLOW_NANOS = 60_000_000_000L;
  private static final int BACKLOG = 64;

  private final NioLoop loop;
  private final Set<NioConnection> clients = new HashSet<>();

  /** Those that are to be answered, the oldest first. */
  private final Deque<Due> due = new ArrayDeque<>();

  private final int port;
  private ServerSocketChannel listener;
  private Mood mood = Mood.GOOD;
  private volatile Mood wanted = Mood.GOOD;
  private volatile boolean over;

  private record Due(long nanos, NioConnection connection) {}

  private FakeCollector(NioLoop loop) throws IOException {
    this.loop = loop;
    listener = loop.listen(0, BACKLOG, this::take);
    port = listener.socket().getLocalPort();
  }

  public static void main(String[] arguments) throws IOException {
    try (NioLoop loop = new NioLoop()) {
      FakeCollector collector = new FakeCollector(loop);
      System.out.println("listening " + collector.port);
      collector.run(System.in);
    }
  }

  /** A collector on a thread of its own, until its input ends. */
  static FakeCollector start(InputStream moods) throws IOException {
    NioLoop loop = new NioLoop();
    FakeCollector collector = new FakeCollector(loop);
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try (loop) {
                collector.run(moods);
              } catch (IOException e) {
                throw new IllegalStateException("the collector broke", e);
              }
            });
    return collector;
  }

  int port() {
    return port;
  }

  private void run(InputStream moods) throws IOException {
    Thread.ofPlatform().daemon().start(() -> obey(moods));
    while (!over) {
      if (wanted != mood) {
        become(wanted);
      }
      if (due.isEmpty()) {
        loop.turn();
      } else {
        loop.turn(due.getFirst().nanos, false);
      }
      while (!due.isEmpty() && due.getFirst().nanos <= System.nanoTime()) {
        answer(due.removeFirst().connection);
      }
    }
  }

  private void obey(InputStream moods) {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(moods, StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        wanted = Mood.valueOf(line.toUpperCase(Locale.ROOT));
        loop.selector().wakeup();
      }
    } catch (IOException e) {
      // Whoever started it is gone.
    }
    over = true;
    loop.selector().wakeup();
  }

  /** Nobody waits for what the mood before would have kept from them. */
  private void become(Mood other) throws IOException {
    if (mood == Mood.DEAD) {
      listener = loop.listen(port, BACKLOG, this::take);
    }
    mood = other;
    if (other == Mood.DEAD) {
      listener.close();
      Set.copyOf(clients).forEach(NioConnection::close);
      clients.clear();
      due.clear();
      // Until its selector turns, a channel that was closed keeps its port.
      loop.turn(System.nanoTime(), false);
    } else if (other != Mood.SLOW) {
      while (!due.isEmpty()) {
        answer(due.removeFirst().connection);
      }
    }
  }

  private void answer(NioConnection connection) {
    String status = mood == Mood.FAILING ? "503 Service Unavailable" : "200 OK";
    connection.send(
        ("HTTP/1.1 "
                + status
                + "\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")
            .getBytes(StandardCharsets.US_ASCII));
  }

  private void take(SocketChannel channel) throws IOException {
    clients.add(new Client(channel).connection);
  }

  private final class Client implements HttpReader.Sink {
    private final NioConnection connection;

    Client(SocketChannel channel) throws IOException {
      connection = new NioConnection(loop.selector(), channel, new HttpReader(this), this::left);
    }

    private void left() {
      clients.remove(connection);
    }

    @Override
    public void head(byte[] bytes, int length) {}

    @Override
    public void body(byte[] bytes, int from, int to) {}

    @Override
    public void end() {
      long wait = mood == Mood.SLOW ? SLOW_NANOS : 0;
      due.addLast(new Due(System.nanoTime() + wait, connection));
    }
  }
}

package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A collector that takes every batch of spans unread and answers at once, late, or with an error.
 * Prints {@code listening PORT}, and ends with its standard input.
 */
@Command(name = "fake-collector")
final class FakeCollector implements Callable<Integer> {
  @Option(names = "--status", defaultValue = "200", description = "of every answer")
  private int status;

  @Option(names = "--delay-ms", defaultValue = "0", description = "before every answer")
  private long delayMs;

  private final Deque<Due> due = new ArrayDeque<>();

  /** An answer; all wait equally long, so the oldest is due first. */
  private record Due(long nanos, NioConnection connection) {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new FakeCollector()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    FakeWorker.endWithInput();
    byte[] answer =
        ("HTTP/1.1 "
                + status
                + " Said\r\nContent-Type: application/x-protobuf\r\n"
                + "Content-Length: 0\r\n\r\n")
            .getBytes(StandardCharsets.US_ASCII);
    try (NioLoop loop = new NioLoop()) {
      // The selector knows each client from here on.
      loop.listen(
          0,
          channel -> {
            var _ = new Client(loop, channel);
          });
      for (; ; ) {
        if (due.isEmpty()) {
          loop.turn();
        } else {
          loop.turn(due.getFirst().nanos, false);
        }
        while (!due.isEmpty() && due.getFirst().nanos <= System.nanoTime()) {
          due.removeFirst().connection.send(answer);
        }
      }
    }
  }

  private final class Client implements HttpReader.Sink {
    private final NioConnection connection;

    Client(NioLoop loop, SocketChannel channel) throws IOException {
      connection = new NioConnection(loop.selector(), channel, new HttpReader(this), () -> {});
    }

    @Override
    public void head(byte[] bytes, int length) {}

    @Override
    public void body(byte[] bytes, int from, int to) {}

    @Override
    public void end() {
      due.addLast(new Due(System.nanoTime() + delayMs * 1_000_000, connection));
    }
  }
}

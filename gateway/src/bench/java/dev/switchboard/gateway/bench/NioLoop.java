package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.StringJoiner;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/** One selector and the thread that turns it: all connections of a generator, or of a worker. */
final class NioLoop implements AutoCloseable {
  private static final int READ_BYTES = 256 << 10;

  /** A selector's wait counts in milliseconds; what is nearer is waited for in another way. */
  private static final long COARSE_NANOS = 1_500_000;

  private static final long PARK_SLACK_NANOS = 80_000;

  private final Selector selector;
  private final ByteBuffer scratch = ByteBuffer.allocateDirect(READ_BYTES);
  private final byte[] bytes = new byte[READ_BYTES];
  private final Consumer<SelectionKey> ready = this::ready;

  NioLoop() throws IOException {
    this.selector = Selector.open();
  }

  Selector selector() {
    return selector;
  }

  /** Takes a new connection. */
  @FunctionalInterface
  interface Taker {
    void take(SocketChannel channel) throws IOException;
  }

  /**
   * Listens on so many free ports of loopback until the loop is closed, and prints {@code listening
   * PORT}, one behind another.
   *
   * @param backlog connections that may wait; 0 for the system's own number
   */
  void listenOn(int ports, int backlog, Taker taker) throws IOException {
    StringJoiner line = new StringJoiner(" ", "listening ", "");
    for (int i = 0; i < ports; i++) {
      line.add(Integer.toString(listen(0, backlog, taker).socket().getLocalPort()));
    }
    System.out.println(line);
  }

  /** Listens on a port of loopback, 0 for a free one, until the loop or this listener is closed. */
  ServerSocketChannel listen(int port, int backlog, Taker taker) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open();
    listen(listener, new InetSocketAddress(InetAddress.getLoopbackAddress(), port), backlog, taker);
    return listener;
  }

  /** The same on a Unix socket, of which nothing is printed. */
  void listen(Path socket, int backlog, Taker taker) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    listen(listener, UnixDomainSocketAddress.of(socket), backlog, taker);
  }

  private void listen(ServerSocketChannel listener, SocketAddress address, int backlog, Taker taker)
      throws IOException {
    listener.configureBlocking(false);
    listener.bind(address, backlog);
    Runnable acceptable = () -> accept(listener, taker);
    listener.register(selector, SelectionKey.OP_ACCEPT, acceptable);
  }

  private static void accept(ServerSocketChannel listener, Taker taker) {
    try {
      for (SocketChannel next = listener.accept(); next != null; next = listener.accept()) {
        taker.take(next);
      }
    } catch (IOException e) {
      throw new IllegalStateException("cannot accept", e);
    }
  }

  /**
   * Handles what is ready, and waits for it no longer than until a moment.
   *
   * @param busy something is under way on this core: others must have it meanwhile
   */
  @SuppressWarnings("ThreadPriorityCheck") // The worker shares this core, and has work now.
  void turn(long untilNanos, boolean busy) throws IOException {
    long wait = untilNanos - System.nanoTime();
    if (wait > COARSE_NANOS) {
      selector.select(ready, Math.max(1, (wait - COARSE_NANOS / 2) / 1_000_000));
      return;
    }
    if (selector.selectNow(ready) == 0 && wait > 0) {
      if (busy) {
        Thread.yield();
      } else if (wait > PARK_SLACK_NANOS) {
        LockSupport.parkNanos(wait - PARK_SLACK_NANOS);
      }
    }
  }

  /** Handles what is ready, and waits for it. */
  void turn() throws IOException {
    selector.select(ready);
  }

  private void ready(SelectionKey key) {
    if (key.attachment() instanceof NioConnection connection) {
      if (key.isValid()) {
        connection.ready(scratch, bytes);
      }
    } else if (key.attachment() instanceof Runnable acceptable) {
      acceptable.run();
    }
  }

  @Override
  public void close() throws IOException {
    for (SelectionKey key : selector.keys()) {
      key.channel().close();
    }
    selector.close();
  }
}

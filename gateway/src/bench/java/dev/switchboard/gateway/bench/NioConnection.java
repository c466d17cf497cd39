package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

/** A non-blocking connection on one selector's thread; what the socket does not take waits here. */
final class NioConnection {
  private final SocketChannel channel;
  private final SelectionKey key;
  private final HttpReader reader;
  private final Runnable closed;
  private ByteBuffer waiting = ByteBuffer.allocate(0);

  /**
   * @param closed runs when the peer closed it, or it broke
   */
  NioConnection(Selector selector, SocketChannel channel, HttpReader reader, Runnable closed)
      throws IOException {
    this.channel = channel;
    this.reader = reader;
    this.closed = closed;
    channel.configureBlocking(false);
    if (channel.supportedOptions().contains(StandardSocketOptions.TCP_NODELAY)) {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }
    this.key = channel.register(selector, SelectionKey.OP_READ, this);
  }

  boolean isOpen() {
    return channel.isOpen();
  }

  void send(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    try {
      if (!waiting.hasRemaining()) {
        channel.write(buffer);
      }
    } catch (IOException e) {
      broke();
      return;
    }
    if (buffer.hasRemaining()) {
      ByteBuffer joined = ByteBuffer.allocate(waiting.remaining() + buffer.remaining());
      waiting = joined.put(waiting).put(buffer).flip();
      key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
    }
  }

  /**
   * Does what the selector says is possible.
   *
   * @param scratch and bytes: equally large, and anybody's between two calls
   */
  void ready(ByteBuffer scratch, byte[] bytes) {
    try {
      if (key.isWritable()) {
        channel.write(waiting);
        if (!waiting.hasRemaining()) {
          key.interestOps(SelectionKey.OP_READ);
        }
      }
      if (key.isReadable()) {
        read(scratch, bytes);
      }
    } catch (IOException e) {
      broke();
    }
  }

  private void read(ByteBuffer scratch, byte[] bytes) throws IOException {
    scratch.clear();
    int read = channel.read(scratch);
    if (read < 0) {
      broke();
    } else if (read > 0) {
      scratch.flip().get(bytes, 0, read);
      reader.feed(bytes, read);
    }
  }

  private void broke() {
    close();
    closed.run();
  }

  /** Closes it without a word to anybody. */
  void close() {
    try {
      channel.close();
    } catch (IOException e) {
      key.cancel();
    }
  }
}

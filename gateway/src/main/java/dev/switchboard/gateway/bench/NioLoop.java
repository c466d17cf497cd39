package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
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
  private Runnable acceptable = () -> {};

  NioLoop() throws IOException {
    this.selector = Selector.open();
  }

  Selector selector() {
    return selector;
  }

  /** Runs when a listening channel has a connection. */
  void onAccept(Runnable accept) {
    acceptable = accept;
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
    } else {
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

package dev.switchboard.gateway.boot;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

/**
 * Stands between a gateway and a worker and loses what the one should hear of the other, as a
 * network does: neither side's connection to it ends. Only of connections that carry clients'
 * requests; health checks pass.
 */
final class LossyProxy implements AutoCloseable {
  private static final byte[] CLIENTS = "POST /v1/".getBytes(StandardCharsets.US_ASCII);

  private static final byte[] CANCEL = "DELETE ".getBytes(StandardCharsets.US_ASCII);

  private final URI worker;
  private final ServerSocket listener = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
  private final List<Link> links = new CopyOnWriteArrayList<>();
  private volatile boolean losesAnswers;
  private volatile CountDownLatch cancels = new CountDownLatch(0);

  LossyProxy(URI worker) throws IOException {
    this.worker = worker;
    Thread.ofVirtual().start(this::accept);
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + listener.getLocalPort());
  }

  /** Whether no byte of an answer comes through from now on. */
  void losesAnswers(boolean value) {
    losesAnswers = value;
  }

  /** Nothing that the gateway cancels reaches the worker, until {@link #releaseCancels}. */
  void holdCancels() {
    cancels = new CountDownLatch(1);
  }

  void releaseCancels() {
    cancels.countDown();
  }

  /** The gateway's connections break; the worker hears nothing of it. */
  void cut() throws IOException {
    for (Link link : links) {
      link.cut();
    }
  }

  private void accept() {
    try {
      for (; ; ) {
        Link link = new Link(listener.accept(), new Socket(worker.getHost(), worker.getPort()));
        links.add(link);
        Thread.ofVirtual().start(link::ask);
        Thread.ofVirtual().start(link::answer);
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  /** A connection and its continuation. */
  private final class Link {
    private final Socket gateway;
    private final Socket onward;
    private volatile boolean clients;
    private volatile boolean isCut;

    Link(Socket gateway, Socket onward) throws IOException {
      this.gateway = gateway;
      this.onward = onward;
      gateway.setTcpNoDelay(true);
      onward.setTcpNoDelay(true);
    }

    void cut() throws IOException {
      if (clients) {
        isCut = true;
        gateway.close();
      }
    }

    void ask() {
      byte[] piece = new byte[1 << 16];
      try (InputStream from = gateway.getInputStream()) {
        OutputStream to = onward.getOutputStream();
        for (int read = from.read(piece); read >= 0; read = from.read(piece)) {
          clients |= begins(piece, read, CLIENTS);
          if (begins(piece, read, CANCEL)) {
            cancels.await();
          }
          to.write(piece, 0, read);
        }
      } catch (IOException | InterruptedException gone) {
        // As if it had ended.
      }
      if (!isCut) {
        close(onward);
      }
    }

    void answer() {
      byte[] piece = new byte[1 << 16];
      try (InputStream from = onward.getInputStream()) {
        OutputStream to = gateway.getOutputStream();
        for (int read = from.read(piece); read >= 0; read = from.read(piece)) {
          if (!isCut && !(clients && losesAnswers)) {
            write(to, piece, read);
          }
        }
      } catch (IOException gone) {
        // As if it had ended.
      }
      close(gateway);
    }

    /** The worker is read on even where nobody hears it. */
    private void write(OutputStream to, byte[] piece, int length) throws IOException {
      try {
        to.write(piece, 0, length);
      } catch (IOException e) {
        if (!isCut) {
          throw e;
        }
      }
    }
  }

  private static boolean begins(byte[] piece, int length, byte[] with) {
    return Arrays.mismatch(piece, 0, length, with, 0, with.length) == with.length;
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() throws IOException {
    releaseCancels();
    listener.close();
    for (Link link : links) {
      link.gateway.close();
      link.onward.close();
    }
  }
}

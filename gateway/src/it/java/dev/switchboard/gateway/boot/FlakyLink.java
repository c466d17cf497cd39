package dev.switchboard.gateway.boot;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** The network between a gateway and a region: it drops, delays, breaks, and is well again. */
final class FlakyLink implements AutoCloseable {
  /** How it is. */
  enum Weather {
    WELL,
    /** Nothing comes through, and nobody is told. */
    DROPS,
    /** Answers come late. */
    DELAYS,
    /** Connections end at once. */
    BREAKS
  }

  private final URI region;
  private final int delayMs;
  private final ServerSocket listener = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private volatile Weather weather = Weather.WELL;

  FlakyLink(URI region, int delayMs) throws IOException {
    this.region = region;
    this.delayMs = delayMs;
    Thread.ofVirtual().start(this::accept);
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + listener.getLocalPort());
  }

  /** Is so from now on, for connections that are open too. */
  void is(Weather now) throws IOException {
    weather = now;
    if (now == Weather.BREAKS) {
      closeAll();
    }
  }

  private void closeAll() throws IOException {
    for (Socket socket : sockets) {
      socket.close();
    }
    sockets.clear();
  }

  private void accept() {
    try {
      for (; ; ) {
        Socket gateway = listener.accept();
        if (weather == Weather.BREAKS) {
          gateway.close();
          continue;
        }
        Socket onward = new Socket(region.getHost(), region.getPort());
        sockets.addAll(List.of(gateway, onward));
        Thread.ofVirtual().start(() -> pass(gateway, onward, false));
        Thread.ofVirtual().start(() -> pass(onward, gateway, true));
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  private void pass(Socket from, Socket to, boolean answers) {
    byte[] bytes = new byte[64 << 10];
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int count = in.read(bytes); count >= 0; count = in.read(bytes)) {
        if (answers && weather == Weather.DELAYS) {
          TimeUnit.MILLISECONDS.sleep(delayMs);
        }
        if (weather != Weather.DROPS) {
          out.write(bytes, 0, count);
        }
      }
    } catch (IOException | InterruptedException closed) {
      // The other side's connection ends with this one.
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    closeAll();
  }
}

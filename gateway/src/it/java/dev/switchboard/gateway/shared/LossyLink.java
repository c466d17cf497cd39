package dev.switchboard.gateway.shared;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Stands between a gateway and its Valkey and loses what the one or the other says. */
final class LossyLink implements AutoCloseable {
  private final URI server;
  private final ServerSocket listener = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private volatile boolean losesQuestions;
  private volatile boolean losesAnswers;

  LossyLink(String server) throws IOException {
    this.server = URI.create(server);
    Thread.ofVirtual().start(this::accept);
  }

  String url() {
    return "redis://127.0.0.1:" + listener.getLocalPort();
  }

  void losesQuestions(boolean value) {
    losesQuestions = value;
  }

  void losesAnswers(boolean value) {
    losesAnswers = value;
  }

  private void accept() {
    try {
      for (; ; ) {
        Socket asking = listener.accept();
        Socket onward = new Socket(server.getHost(), server.getPort());
        sockets.addAll(List.of(asking, onward));
        Thread.ofVirtual().start(() -> pass(asking, onward, true));
        Thread.ofVirtual().start(() -> pass(onward, asking, false));
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  private void pass(Socket from, Socket to, boolean questions) {
    byte[] bytes = new byte[64 << 10];
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int count = in.read(bytes); count >= 0; count = in.read(bytes)) {
        if (!(questions ? losesQuestions : losesAnswers)) {
          out.write(bytes, 0, count);
        }
      }
    } catch (IOException closed) {
      // The other side's connection ends with this one.
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}

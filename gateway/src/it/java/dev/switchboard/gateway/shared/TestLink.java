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

/** The network between a client and a server, which a test spoils. */
public abstract class TestLink implements AutoCloseable {
  private final URI server;
  private final ServerSocket listener = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();

  protected TestLink(URI server) throws IOException {
    this.server = server;
  }

  /** Takes connections from now on. */
  protected final void open() {
    Thread.ofVirtual().start(this::accept);
  }

  protected final int port() {
    return listener.getLocalPort();
  }

  /** Whether a connection may be made now. */
  protected boolean connects() {
    return true;
  }

  /**
   * Whether what came goes on to the other side; called before it does.
   *
   * @param answers from the server, else from the client
   */
  protected abstract boolean passes(boolean answers) throws InterruptedException;

  protected final void breakAll() throws IOException {
    for (Socket socket : sockets) {
      socket.close();
    }
    sockets.clear();
  }

  private void accept() {
    try {
      for (; ; ) {
        Socket client = listener.accept();
        if (!connects()) {
          client.close();
          continue;
        }
        Socket onward = new Socket(server.getHost(), server.getPort());
        sockets.addAll(List.of(client, onward));
        Thread.ofVirtual().start(() -> pass(client, onward, false));
        Thread.ofVirtual().start(() -> pass(onward, client, true));
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
        if (passes(answers)) {
          out.write(bytes, 0, count);
        }
      }
    } catch (IOException | InterruptedException closed) {
      // The other side's connection ends with this one.
    }
  }

  @Override
  public final void close() throws IOException {
    listener.close();
    breakAll();
  }
}

package dev.switchboard.gateway.shared;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A Valkey of Debian's package on a free port, which keeps nothing. */
public final class ValkeyServer implements AutoCloseable {
  private static final int ATTEMPTS = 500;

  private final int port;
  private @Nullable Process process;

  /** Starts it. */
  public ValkeyServer() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    begin();
  }

  /** Where it is. */
  public String url() {
    return "redis://127.0.0.1:" + port;
  }

  /** Starts it again, empty. */
  public void begin() throws IOException {
    process =
        new ProcessBuilder(
                "valkey-server",
                "--port",
                "" + port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
                System.getProperty("java.io.tmpdir"))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    for (int i = 0; i < ATTEMPTS; i++) {
      try {
        new Socket(InetAddress.getLoopbackAddress(), port).close();
        return;
      } catch (IOException notYet) {
        waited();
      }
    }
    throw new AssertionError("valkey-server does not listen");
  }

  private void waited() throws IOException {
    try {
      Process running = process;
      if (running != null && running.waitFor(20, TimeUnit.MILLISECONDS)) {
        throw new AssertionError("valkey-server ended with status " + running.exitValue());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** Stands still: takes what comes and does nothing with it. */
  public void pause() throws IOException {
    signal("STOP");
  }

  /** Goes on with all that came meanwhile. */
  public void resume() throws IOException {
    signal("CONT");
  }

  private void signal(String name) throws IOException {
    Process running = process;
    if (running != null) {
      new ProcessBuilder("kill", "-" + name, "" + running.pid()).start().onExit().join();
    }
  }

  /** Ends it at once. */
  public void end() {
    Process running = process;
    if (running != null) {
      running.destroyForcibly().onExit().join();
    }
  }

  @Override
  public void close() {
    end();
  }
}

package dev.switchboard.gateway.shared;

import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import org.jspecify.annotations.Nullable;

/** A Valkey of Debian's package on a free port, which keeps nothing. */
public final class ValkeyServer implements AutoCloseable {
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
    Process started =
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
    process = started;
    Await.until("valkey-server listens", () -> !started.isAlive() || listens());
    if (!started.isAlive()) {
      throw new AssertionError("valkey-server ended with status " + started.exitValue());
    }
  }

  private boolean listens() throws IOException {
    new Socket(InetAddress.getLoopbackAddress(), port).close();
    return true;
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

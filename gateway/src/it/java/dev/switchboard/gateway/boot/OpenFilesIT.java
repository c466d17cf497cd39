package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A gateway that may have few open files, before clients that take all they get. */
class OpenFilesIT {
  private static final int OPEN_FILES = 600;

  /** So many refusals in a row are not those of a moment. */
  private static final int REFUSALS = 10;

  @TempDir private static Path folder;
  private static Path log;
  private static GatewayProcess gateway;

  @BeforeAll
  static void start() throws Exception {
    log = folder.resolve("gateway.log");
    Path config = folder.resolve("config.yaml");
    GatewayProcess.writeConfig(
        config,
        """
        http: {max-connections-per-client: 100000}
        admin: {max-connections: 32}
        workers: {local: 1}
        """);
    gateway =
        GatewayProcess.startWithin(OPEN_FILES, log, "--config", config.toString()).awaitReady();
  }

  @AfterAll
  static void stop() {
    gateway.close();
  }

  private static double metric(String name, String... labels) throws Exception {
    return new MetricsText(gateway.metrics()).sum(name, labels);
  }

  private static Socket connect() throws IOException {
    URI api = gateway.api("");
    Socket socket = new Socket(api.getHost(), api.getPort());
    socket.setSoTimeout(Await.LIMIT_MS);
    return socket;
  }

  /**
   * The first line of what a request on an open connection is answered; empty when it is closed.
   */
  private static String ask(Socket socket, String method, String path, String body) {
    String head =
        method
            + " "
            + path
            + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
            + body.length()
            + "\r\n\r\n";
    try {
      socket.getOutputStream().write((head + body).getBytes(StandardCharsets.US_ASCII));
      return answer(socket.getInputStream());
    } catch (IOException closed) {
      return "";
    }
  }

  /** Reads one whole answer. */
  private static String answer(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = in.read();
      if (next < 0) {
        return "";
      }
      head.append((char) next);
    }
    String length = head.toString().replaceAll("(?is).*\r\ncontent-length: (\\d+)\r\n.*", "$1");
    in.readNBytes(Integer.parseInt(length));
    return head.substring(0, head.indexOf("\r\n"));
  }

  /** Opens connections until they are refused. */
  private static List<Socket> flood() throws IOException {
    List<Socket> open = new ArrayList<>();
    int refused = 0;
    while (refused < REFUSALS) {
      Socket socket = connect();
      if (ask(socket, "GET", "/livez", "").equals("HTTP/1.1 200 OK")) {
        open.add(socket);
        refused = 0;
        assertTrue(open.size() < OPEN_FILES, "more than there may be files");
      } else {
        socket.close();
        refused++;
      }
    }
    return open;
  }

  private static void close(List<Socket> open) throws IOException {
    for (Socket socket : open) {
      socket.close();
    }
  }

  @Test
  void whoTakesAllConnectionsLeavesTheOthersTheirs() throws Exception {
    double limit = metric("switchboard_connections_limit");
    InputStream stream = gateway.stream(2000).body();
    List<Socket> open = flood();

    URI admin = gateway.adminUri("");
    try (Socket fresh = new Socket(admin.getHost(), admin.getPort())) {
      fresh.setSoTimeout(Await.LIMIT_MS);
      assertEquals("HTTP/1.1 200 OK", ask(fresh, "GET", "/livez", ""));
    }
    String more = new String(stream.readNBytes(1000), StandardCharsets.UTF_8);
    assertEquals(1000, more.length(), more);
    assertEquals(limit, open.size() + 1, "all but the stream's");
    assertTrue(metric("switchboard_connections_refused_total", "limit=\"total\"") >= REFUSALS);
    assertTrue(metric("process_open_fds") < OPEN_FILES - 32, "the admin listener keeps its own");
    String body = "{\"model\":\"" + GatewayProcess.MODEL + "\",\"prompt\":\"a\",\"max_tokens\":1}";
    for (Socket client : open.subList(0, 20)) {
      assertEquals("HTTP/1.1 200 OK", ask(client, "POST", "/v1/completions", body));
    }
    gateway.kill("w0");
    gateway.await(event -> event.path("event").asText().equals("worker_ready"));
    gateway.awaitState("w0", "READY");
    assertEquals("HTTP/1.1 200 OK", ask(open.getFirst(), "POST", "/v1/completions", body));
    stream.close();
    close(open);
    assertTrue(Files.readString(log).contains("max_connections_clamped configured=10000"));
  }

  @Test
  void anAcceptThatFailsIsTriedAgain() throws Exception {
    long pid = gateway.process().pid();
    int begun = (int) metric("process_open_fds");
    try (Socket known = connect()) {
      assertEquals("HTTP/1.1 200 OK", ask(known, "GET", "/livez", ""));
      limit(pid, begun / 2);
      try (Socket waiting = connect()) {
        waiting.setSoTimeout(300);
        waiting
            .getOutputStream()
            .write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));

        assertThrows(java.net.SocketTimeoutException.class, () -> waiting.getInputStream().read());
        assertEquals("HTTP/1.1 200 OK", ask(known, "GET", "/livez", ""));
        limit(pid, OPEN_FILES);
        waiting.setSoTimeout(Await.LIMIT_MS);
        assertEquals("HTTP/1.1 200 OK", answer(waiting.getInputStream()));
      }
    } finally {
      limit(pid, OPEN_FILES);
    }
  }

  private static void limit(long pid, int openFiles) throws Exception {
    Process process =
        new ProcessBuilder("prlimit", "--pid", "" + pid, "--nofile=" + openFiles + ":" + OPEN_FILES)
            .start();
    assertEquals(0, process.waitFor());
  }
}
